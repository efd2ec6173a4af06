"""The three configuration files: as they are, as they shall be, and what stands in the way."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pgward.core.errors import ConflictError, InvalidInputError
from pgward.hba.install.change import Edit
from pgward.hba.install.host import Host
from pgward.hba.plan import block, lint
from pgward.hba.plan.generate import fragments, settings
from pgward.hba.plan.lint import Finding
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir
from pgward.hba.syntax import tokens
from pgward.hba.syntax.options import without_secrets
from pgward.system.safe_text import clean

_PATRONIS = b"will be overwritten by Patroni"
"""What Patroni writes at the head of a file of its own."""

_HEAD = 1024
_NEWLINES = "\r\n"
CRITICAL = frozenset({"ssl", "ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file"})
"""The settings without which certificates are not checked as wanted."""


@dataclass(frozen=True, slots=True)
class Contents:
    """An edit for each file, in the order of replacing."""

    config: Edit
    ident: Edit
    hba: Edit

    @property
    def edits(self) -> tuple[Edit, ...]:
        """All three."""
        return self.config, self.ident, self.hba

    def diff(self) -> str:
        """Return what would change, as a unified diff."""
        return "".join(diff_of(edit) for edit in self.edits if edit.needed)


def plan_contents(data_dir: DataDir, plan: Plan) -> Contents:
    """Return the new contents of the three files; nothing is written.

    Raises InvalidInputError when a file's marks do not pair, or the version cannot do it.
    """
    made = fragments(plan, data_dir.able.version)
    ident = _edit(data_dir, data_dir.ident_file, block.at_start, made.ident)
    hba = _edit(data_dir, data_dir.hba_file, block.at_start, made.hba)
    return Contents(
        _edit(data_dir, data_dir.config_file, block.at_end, made.postgresql),
        bridged(ident) if hba.needed else ident,
        hba,
    )


def bridged(ident: Edit) -> Edit:
    """Return an edit of pg_ident.conf that serves the old and the new pg_hba.conf in between.

    Otherwise nobody would get in while one of them names a map that the other does not have.
    """
    before = ident.before or b""
    return replace(ident, between=block.bridge(before, ident.after, str(ident.path)))


def check_by_hand(edits: Iterable[Edit]) -> None:
    """Raise ConflictError, with a diff, when someone edited a block that is to be rewritten."""
    found = [
        edit for edit in edits if edit.needed and block.edited(edit.before or b"", str(edit.path))
    ]
    if found:
        names = ", ".join(str(edit.path) for edit in found)
        raise ConflictError(
            f"somebody edited pgward's block in {names}, which would be lost:\n"
            + "".join(map(diff_of, found)).rstrip("\n"),
            hint="keep such lines outside the block (above it, they count first), or lose them: "
            "--overwrite-edits; nothing was changed",
        )


def check_before(host: Host, plan: Plan) -> None:
    """Refuse, with file and line, what is broken already or would override us."""
    check_ours(host.data_dir)
    host.data_dir.setting("ssl")
    broken = _broken(host)
    if broken:
        raise InvalidInputError(
            "the configuration is broken already: " + "\n".join(map(str, broken)),
            hint="mend it first; nothing was changed",
        )
    for line, setting in _overrides(host.data_dir, plan):
        if setting in CRITICAL:
            raise ConflictError(
                f"{host.data_dir.auto_file}:{line}: {setting} was set by ALTER SYSTEM, "
                "which wins over postgresql.conf",
                hint=f"psql -c 'alter system reset {setting}'; nothing was changed",
            )


def check_ours(data_dir: DataDir) -> None:
    """Raise ConflictError when a file is written by Patroni, which would undo each change."""
    for path in (data_dir.config_file, data_dir.ident_file, data_dir.hba_file):
        if _PATRONIS in (data_dir.disk.read(path) or b"")[:_HEAD]:
            raise ConflictError(
                f"{path} is written by Patroni, which would overwrite any change",
                hint="put what `pgward hba generate` prints into Patroni's own configuration: "
                "postgresql.parameters, pg_hba and pg_ident; or, where pg_hba is not set there, "
                "name the file that it leaves alone: --config-file …/postgresql.base.conf",
            )


def check_after(data_dir: DataDir, plan: Plan) -> None:
    """Refuse when a critical setting has another value than we wrote, wherever it comes from."""
    wanted = settings(plan, data_dir.able.version)
    used = data_dir.settings(name for name in wanted if name in CRITICAL)
    for name, value in used.items():
        if value != wanted[name]:
            raise ConflictError(
                f"{name} is {value!r} in spite of postgresql.conf, so all was put back",
                hint="look at the server's command line, and for a later include",
            )


def warnings(data_dir: DataDir, plan: Plan) -> list[str]:
    """Return what the person should know before: who still gets in, and what is replaced."""
    found = [str(each) for each in _openings(data_dir, plan)]
    for line, setting in _overrides(data_dir, plan):
        if setting not in CRITICAL:
            found.append(
                f"{data_dir.auto_file}:{line}: {setting} was set by ALTER SYSTEM and stays"
            )
    used = data_dir.setting("ssl_ca_file")
    if used not in {"", plan.tls.ca}:
        found.append(f"ssl_ca_file was {used}: certificates of its CAs are no longer accepted")
    return found


def _edit(
    data_dir: DataDir, path: Path, put: Callable[[bytes, str, str], bytes], text: str
) -> Edit:
    before = data_dir.disk.read(path)
    return Edit(path, before, put(before or b"", text, str(path)))


def _broken(host: Host) -> list[Finding]:
    """Return errors outside our own block, by the server's own views where we may look."""
    data_dir = host.data_dir
    if data_dir.disk.read(data_dir.hba_file) is None:
        return [Finding(str(data_dir.hba_file), "there is no such file")]
    ours = _block_places(data_dir)
    return [each for each in host.file_errors(data_dir.running()) if each.where not in ours]


def _block_places(data_dir: DataDir) -> set[str]:
    places: set[str] = set()
    for path in (data_dir.config_file, data_dir.ident_file, data_dir.hba_file):
        span = block.find(data_dir.disk.read(path) or b"", str(path))
        if span is not None:
            places |= {f"{path}:{line}" for line in range(span[0], span[1] + 1)}
    return places


def _overrides(data_dir: DataDir, plan: Plan) -> list[tuple[int, str]]:
    wanted = settings(plan, data_dir.able.version)
    return [
        (each.line, each.name)
        for each in block.assignments(data_dir.disk.read(data_dir.auto_file) or b"")
        if each.name in wanted and each.value != wanted[each.name]
    ]


def _openings(data_dir: DataDir, plan: Plan) -> Iterable[Finding]:
    path = data_dir.hba_file
    data = data_dir.disk.read(path) or b""
    span = block.find(data, str(path))
    parsed = tokens.parse(data, continuation=data_dir.able.continuation)
    for line in parsed:
        if span is not None and span[0] <= line.number <= span[1]:
            continue
        yield from lint.openings([line], data_dir.able, str(path), plan)
        if line.fields and line.words[0] in lint.INCLUDES and not plan.everywhere:
            yield Finding(f"{path}:{line.number}", "the lines of this include were not looked at")


def diff_of(edit: Edit) -> str:
    """Return an edit as a unified diff, which shows no password and moves no cursor."""
    old, new = (
        [line.decode("utf-8", "backslashreplace") for line in tokens.physical_lines(data)]
        for data in (edit.before or b"", edit.after)
    )
    return "".join(
        f"{_cleaned(without_secrets(line.rstrip(_NEWLINES)))}\n"
        for line in difflib.unified_diff(old, new, str(edit.path), str(edit.path))
    )


def _cleaned(line: str) -> str:
    return "\t".join(map(clean, line.split("\t")))
