"""Ask a running server whether its configuration is right, and whether a reload took.

PostgreSQL answers a reload with silence: a file with an error leaves the old configuration in
force, and only a line in its log tells. So the views that read the files are asked (PostgreSQL
manual, chapters 54.9, 54.10 and 54.12), and the server is looked at from outside.
"""

import time
from collections.abc import Callable

from pgward.core.errors import UnavailableError
from pgward.hba.plan.lint import Finding
from pgward.hba.server import probe
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.sql import SEPARATOR, Sql

_RELOAD_SECONDS = 15.0
_POLL_SECONDS = 0.05

# A row with a type is a line that was taken, also when it says that SSL is (still) off.
_HBA_ERRORS = (
    "select '{file}', line_number, coalesce(error, 'the line is not understood') "
    "from pg_hba_file_rules where type is null"
)
_HBA_ERRORS_16 = _HBA_ERRORS.replace("'{file}'", "file_name")
_IDENT_ERRORS = (
    "select {file}, line_number, error from pg_ident_file_mappings where error is not null"
)
# A setting that waits for a restart is an "error" here, and none of ours.
_SETTING_ERRORS = (
    "select sourcefile, sourceline, coalesce(name || ': ', '') || error from pg_file_settings "
    "where error is not null and error <> 'setting could not be applied'"
)


class EndedError(UnavailableError):
    """The server ended, or was restarted, before it could be told to reload."""


def file_errors(sql: Sql, data_dir: DataDir) -> list[Finding] | None:
    """Return what the server finds wrong in its files as they are now; None without SQL access.

    Nothing is loaded by asking.
    """
    able = data_dir.able
    hba = _HBA_ERRORS_16 if able.includes else _HBA_ERRORS.format(file=_quoted(data_dir.hba_file))
    queries = [hba, _SETTING_ERRORS]
    if tells_ident(data_dir):
        named = "file_name" if able.includes else f"'{_quoted(data_dir.ident_file)}'"
        queries.append(_IDENT_ERRORS.format(file=named))
    rows = sql(" union all ".join(queries))
    if rows is None:
        return None
    return [Finding(f"{row[0]}:{row[1]}", SEPARATOR.join(row[2:])) for row in rows]


def tells_ident(data_dir: DataDir) -> bool:
    """Tell whether the server has a view of its pg_ident.conf."""
    return data_dir.able.version >= 15  # noqa: PLR2004 - a version is a name


def reload(running: Running, sql: Sql, accepted: Callable[[], bool] | None) -> bool | None:
    """Have the server read its files; tell whether it did.

    With SQL access: whether its load time moved on. Without: whether ``accepted()`` came true, or
    None, as there is no way to tell, when it did not or there is no such sign.
    """
    before = _load_time(sql)
    tell(running)
    if before is not None:
        return _within_time(lambda: _load_time(sql) not in {before, None})
    return True if accepted is not None and _within_time(accepted) else None


def tell(running: Running) -> None:
    """Have the server read its files, without waiting for it; raise EndedError."""
    try:
        running.access.hang_up(running.pid, running.owner)
    except ProcessLookupError as error:
        raise EndedError(
            f"PostgreSQL (process {running.pid}) ended just now", hint="try again"
        ) from error


def presents(running: Running, certificate: bytes) -> bool | None:
    """Tell whether the server presents this certificate (DER); None when it has no TCP port."""
    if running.host is None:
        return None
    try:
        return probe.presented(running.host, running.port, dial=running.access.dial) == certificate
    except UnavailableError:
        return False


def _load_time(sql: Sql) -> str | None:
    rows = sql("select pg_conf_load_time()")
    return rows[0][0] if rows else None


def _within_time(true: Callable[[], bool]) -> bool:
    """Wait for a signal's effect: nothing announces it."""
    deadline = time.monotonic() + _RELOAD_SECONDS
    while not true():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")
