"""The lines that count for YugabyteDB: those of ysql_hba.conf, or of flags, and its own.

A line for its own processes is built into hba.c, above all others. Where flags are read instead of
the file that yb-tserver makes of them, what it adds behind them is added here, too
(``WritePgHbaConfig`` in src/yb/yql/pgwrapper/pg_wrapper.cc).
"""

from collections.abc import Iterator

from pgward.hba.syntax import csv_flag, tokens
from pgward.hba.syntax.dialects import Yugabyte
from pgward.hba.syntax.files import (
    Files,
    Placed,
    access_lines,
    built_in,
    check_words,
    read_whole,
)
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.tokens import Line
from pgward.hba.syntax.versions import Abilities

OWN = built_in("YugabyteDB")
ADDED = built_in("yb-tserver")
_HARDCODED = "local all postgres yb-tserver-key"
_TRUSTED = "local all yugabyte trust"
_FIRST_WITH_TRUSTED = 15


def hba_lines(path: str, files: Files, able: Abilities) -> list[Placed]:
    """Return the lines that count, in their order; raise FileProblemError."""
    own = _made(OWN, [_HARDCODED])
    if not (isinstance(able, Yugabyte) and able.flags is not None):
        return [*own, *access_lines(path, files, able)]
    data = read_whole(path, files)
    values = csv_flag.parse(data)
    found = list(_of_flag(path, values, able))
    texts = [each.line.written for each in values]
    if able.flags.enable_auth or able.flags.encryption:
        kind = "hostssl" if able.flags.encryption else "host"
        texts.append(f"{kind} all all all {'md5' if able.flags.enable_auth else 'trust'}")
    if not texts:
        texts.append("host all all all trust")
    if able.version >= _FIRST_WITH_TRUSTED and _TRUSTED not in texts:
        texts.append(_TRUSTED)
    return [*own, *found, *_made(ADDED, texts[len(values) :])]


def ident_lines(path: str, files: Files, able: Abilities) -> list[Placed]:
    """Return the lines of the map; raise FileProblemError."""
    if not (isinstance(able, Yugabyte) and able.flags is not None):
        return access_lines(path, files, able)
    return list(_of_flag(path, csv_flag.parse(read_whole(path, files)), able))


def _of_flag(path: str, values: list[csv_flag.Value], able: Abilities) -> Iterator[Placed]:
    for each in values:
        line = each.line
        problem = each.problem or _problem(line, able)
        if line.fields or problem is not None:
            yield Placed(path, line, line.fields, (), problem)


def _problem(line: Line, able: Abilities) -> BadLineError | None:
    try:
        check_words(line, able)
    except BadLineError as error:
        return error
    for number, field in enumerate(line.fields):
        for index, token in enumerate(field):
            if token.is_file:
                said = f"{token.text} is a file in the data directory: read ysql_hba.conf there"
                return BadLineError(said, number, index)
    return None


def _made(path: str, texts: list[str]) -> list[Placed]:
    lines = tokens.parse("".join(f"{each}\n" for each in texts).encode())
    return [Placed(path, line, line.fields, ()) for line in lines]
