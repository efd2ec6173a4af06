"""The shell scripts that are run on the other machine, and how they get there. Pure.

Each is one line of POSIX shell; it works on ``$1``, ``$2`` … and never on text that was put into
it. GNU coreutils and findutils are needed, and util-linux for the lock.

The login shell, whichever it is, only starts ``LOOP``, a line without anything to quote. What
comes then, ``Command``, is read by that loop of a POSIX shell, one line each.
"""

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

MISSING = 44
"""The exit status that means: there is no such file."""
FENCED = 45
"""The exit status that means: another run has begun since."""
BUSY = 46
"""The exit status that means: someone else holds the lock."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_STOP = "{ echo '%s' >&2; exit 1; }"
_THERE = (
    'if [ -e "$1" ]; then :; else case "$(ls -ldL -- "$1" 2>&1)" in '
    f'*"No such file"*) exit {MISSING};; '
    f"*) {_STOP % 'Permission denied'};; esac; fi; "
)
WHO = "id -u; date +%s"
ADDRESSES = f"command -v ip > /dev/null || exit {MISSING}; exec ip -o addr show"
OWNER = "stat -L -c '%U %u %g' -- \"$1\""
READ = _THERE + (
    'if [ -d "$1" ]; then echo "Is a directory" >&2; exit 1; fi; '
    'if [ -f "$1" ]; then :; else echo "it is no regular file" >&2; exit 1; fi; '
    'exec head -c "$2" < "$1"'
)
LINK = f'if [ -L "$1" ]; then exec readlink -- "$1"; else exit {MISSING}; fi'
RESOLVE = 'exec readlink -f -- "$1"'
NAMES = 'if [ -d "$1" ]; then exec find "$1" -mindepth 1 -maxdepth 1 -printf "%f\\0"; fi'
FILES = (
    'if [ -d "$1" ]; then exec find -H "$1" -mindepth 1 -maxdepth 1 -not -xtype d '
    '-printf "%f\\0"; fi; ' + _THERE + "echo 'Not a directory' >&2; exit 1"
)
# The size is checked since the connection may be lost: then the content ends early.
REPLACE = (
    'p=$(readlink -m -- "$1") || exit 1; m=${2:-$p}; d=$(dirname -- "$p"); '
    f'[ -d "$d" ] || {_STOP % "No such file or directory"}; '
    't="$d/.$(basename -- "$p").$5.tmp"; trap \'rm -f -- "$t"\' EXIT; umask 077; set -C; '
    'cat > "$t" || exit 1; set +C; '
    f'[ "$(stat -c %s -- "$t")" = "$4" ] || {_STOP % "its content broke off"}; '
    'if [ -e "$m" ]; then '
    'cp --attributes-only --preserve=all -- "$m" "$t" && touch -- "$t" || exit 1; '
    '[ "$(stat -L -c %u:%g -- "$m")" = "$(stat -c %u:%g -- "$t")" ] || '
    f"{_STOP % 'its owner and group cannot be kept by SSH'}; "
    'else chmod -- "$3" "$t" || exit 1; fi; '
    'sync -- "$t" && mv -fT -- "$t" "$p" && sync -- "$d"'
)
RESTORE = 'p=$(readlink -f -- "$1") || exit 1; mv -fT -- "$2" "$p" && sync -- "$(dirname -- "$p")"'
MOVE = 'mv -fT -- "$1" "$2" && sync -- "$(dirname -- "$1")" "$(dirname -- "$2")"'
SWEEP = (
    'p=$(readlink -f -- "$1") || exit 0; d=$(dirname -- "$p"); if [ -d "$d" ]; then '
    'exec find "$d" -mindepth 1 -maxdepth 1 -name ".$(basename -- "$p").*.tmp" -delete; fi'
)
MAKE_DIR = 'if [ -d "$1" ]; then exit 0; fi; exec mkdir -m 700 -- "$1"'
POINT = (
    'd=$(dirname -- "$1"); t="$d/.$(basename -- "$1").tmp"; rm -f -- "$t" && ln -s -- "$2" "$t" '
    '&& mv -fT -- "$t" "$1" && sync -- "$d"'
)
REMOVE = 'if [ -e "$1" ] || [ -L "$1" ]; then rm -rf -- "$1" && sync -- "$(dirname -- "$1")"; fi'
TREE = f'if [ -d "$1" ]; then cd -- "$1" && exec tar -cf - .; else exit {MISSING}; fi'
BINARIES = (
    'v=$1; shift; for d in "$@" "/usr/lib/postgresql/$v/bin" "/usr/pgsql-$v/bin" '
    '/usr/local/pgsql/bin /usr/local/bin /usr/bin; do if [ -n "$d" ] && [ -x "$d/postgres" ] && '
    '"$d/postgres" --version | grep -Eq "\\(PostgreSQL\\) $v([^0-9]|\\$)"; '
    f'then echo "$d"; exit 0; fi; done; exit {MISSING}'
)
CLIENT = f'if [ -x "$2/$1" ]; then echo "$2/$1"; else command -v -- "$1" || exit {MISSING}; fi'
CONFIGS = "ls -d /etc/postgresql/*/*/postgresql.conf 2>/dev/null; true"
PROCESS = 'exec grep -E "^(Name|Uid):" "/proc/$1/status"'
PROGRAM = 'exec readlink -- "/proc/$1/exe"'
HANG_UP = f'if [ -d "/proc/$1" ]; then exec kill -HUP "$1"; else exit {MISSING}; fi'
RUN = 'cd -- "$1" || exit 1; shift; exec "$@"'
# Held while its standard input is open: the end of the connection is the end of the lock. One that
# is dead without having ended must not keep the refresh of that machine out for hours.
LOCK = (
    'exec 8>>"$1" || exit 1; flock -w "$2" 8 || { '
    f'cat -- "$1" 2>/dev/null; exit {BUSY}; }}; '
    'exec 9>>"$3" && flock -x 9 && printf %s "$4" 1<> "$3" && flock -u 9 || exit 1; exec 9>&-; '
    'printf "%s\\n" "$5" > "$1"; echo held; exec timeout 900 cat > /dev/null'
)
# Whoever takes the session's file exclusively waits for the command that holds it. A word is
# written over another in place, which needs no space on the disk.
RENEW = (
    'exec 9>>"$1" && flock -x -w "$4" 9 || exit 1; '
    f'[ "$(cat -- "$1")" = "$2" ] || exit {FENCED}; printf %s "$3" 1<> "$1"'
)
STATUS = 'stat -L -c "%f %u %g" -- "$1"'
# What comes before a script that changes something: see ``locking``.
_FENCE = (
    'exec 9<"$1" && flock -s 9 || exit 1; '
    f'if [ "$(cat -- "$1")" = "$2" ]; then shift 2; else exit {FENCED}; fi; '
)
# A line is a word, by which the answer is found; whether to go on after a failure; content; and the
# command. One that broke off does not end, so it is not done. csh and fish read this first: so it
# has no quote, no backslash that they change, and no exclamation mark.
LOOP = (
    'N=$(echo; echo .); N=${N%.}; s=0; e() { echo; echo "$w $s"; }; '
    'while read -r w f d c; do echo "$w"; echo "$w" >&2; case $f$s in always*|next0) case $d in '
    '.) (eval "$c") < /dev/null;; rest) (eval "$c");; '
    '*) echo "${d#.}" 2> /dev/null | base64 -d 2> /dev/null | (eval "$c");; esac; s=$?;; esac; '
    "e; e >&2; done"
)


@dataclass(frozen=True, slots=True)
class Command:
    """A script, what it works on, and its standard input.

    ``fence`` is the session's file and word, without which nothing may be changed.
    """

    script: str
    arguments: tuple[str, ...] = ()
    data: bytes = b""
    fence: tuple[str, str] | None = None

    def line(self, word: str, *, after: bool = False, open_input: bool = False) -> bytes:
        """Return it as ``LOOP`` reads it; raise ValueError for what no command can name.

        ``after``: only if the one before it did not fail. ``open_input``: what comes after this
        line is its standard input, and not ``data``.
        """
        words = shlex.join((*(self.fence or ()), *self.arguments))
        if "\0" in words:
            raise ValueError("embedded null byte")
        # A home may be closed to the account. Line ends only stand in quotes.
        before = "cd /; " + (_FENCE if self.fence is not None else "")
        text = f"set -- {words}; ".replace("\n", "'\"$N\"'") + before + self.script
        content = "rest" if open_input else "." + base64.b64encode(self.data).decode()
        flag = "next" if after else "always"
        return f"{word} {flag} {content} {text}\n".encode("utf-8", "surrogateescape")


def start(prefix: Sequence[str] = ()) -> str:
    """Return the line that a login shell is given; ``prefix`` is what changes the account."""
    return shlex.join([*prefix, "env", "-i", f"PATH={PATH}", "LC_ALL=C", "sh", "-c", LOOP])
