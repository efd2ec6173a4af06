"""psql as the way to a server that is named by a connection string.

One process runs many queries over one connection, and each answers for itself: what a role may not
see fails alone. Rows come as JSON, so that no name in them is taken for a separator, and names as
the bytes that the server compares with those of its files, whatever the database's encoding.
"""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pgward.core.errors import UnavailableError
from pgward.hba.live.conninfo import Target
from pgward.system.postgres import find_client
from pgward.system.safe_text import clean

Row = dict[str, Any]
_CONNECT_SECONDS = "10"
_QUERY_SECONDS = 30
_ALL_SECONDS = 120.0
# The names of a hostile schema mean nothing, and nothing is written.
_FIRST = (
    "set search_path = pg_catalog",
    "set standard_conforming_strings = on",
    "set default_transaction_read_only = on",
    f"set statement_timeout = '{_QUERY_SECONDS}s'",
    "set client_encoding = 'SQL_ASCII'",
)
_DONE = "00000"
# What libpq asks below an error, in one line or in two.
_GUESS = re.compile(r"Is the server running|accepting connections on|TCP/IP connections on")
_HINT = "psql with the same --dsn says whether it is the network, the server or the role"
_NOT_THERE = "see that it runs and listens there: its listen_addresses and port, and --dsn's own"
_HINTS = {
    "no password supplied": "put it into PGPASSWORD, a password file (PGPASSFILE) or a service "
    "file",
    "Connection refused": _NOT_THERE,
    "No such file": _NOT_THERE,
    "could not translate host name": "this machine does not find that name: see that it is right",
    "timeout expired": "nothing answers there: see that the address is right, and look for a "
    "firewall",
}
"""What to do, by libpq's words for what failed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the server did not answer a query: its SQLSTATE (manual, appendix A) and its words."""

    code: str
    message: str

    @property
    def is_denial(self) -> bool:
        """Whether the role lacks a privilege."""
        return self.code == "42501"


Answer = list[Row] | Refusal


class Asking(Protocol):
    """Runs queries at a server."""

    def __call__(self, queries: Sequence[str]) -> list[Answer]:
        """Return each query's rows, or why there are none; raise UnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class Psql:
    """psql with a connection string; the environment counts as it does for libpq.

    The password is in the environment of psql alone: in no arguments, and in no error.
    """

    target: Target
    program: Path | None = None
    seconds: float = _ALL_SECONDS

    def __call__(self, queries: Sequence[str]) -> list[Answer]:
        """Return what each query gave; raise UnavailableError when there is no way to ask."""
        mark = secrets.token_hex(16)
        program = find_client("psql") if self.program is None else self.program
        command: list[str | Path] = [program, "-XAtqw", "-d", self.target.conninfo]
        try:
            done = subprocess.run(
                command,
                input=_script(queries, mark).encode("utf-8", "surrogateescape"),
                capture_output=True,
                env=self._environment(),
                timeout=self.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UnavailableError(
                f"the server did not answer within {self.seconds:g} seconds"
            ) from None
        found = _answers(done.stdout.decode("utf-8", "surrogateescape"), mark)
        if len(found) < len(queries):
            raise _failure(done.stderr.decode("utf-8", "replace"))
        return found

    def _environment(self) -> Mapping[str, str]:
        given = dict(os.environ)
        given.setdefault("PGCONNECT_TIMEOUT", _CONNECT_SECONDS)
        given.setdefault("PGAPPNAME", "pgward")
        if self.target.password is not None:
            given["PGPASSWORD"] = self.target.password
        return given | {"PGCLIENTENCODING": "SQL_ASCII", "LC_ALL": "C"}


def _script(queries: Sequence[str], mark: str) -> str:
    lines = [f"{each};" for each in _FIRST]
    for query in queries:
        lines += [
            f"select coalesce(json_agg(row_to_json(asked)), '[]') from ({query}) asked;",  # noqa: S608 - ours
            # On a line of its own, whatever came before.
            r"\echo",
            rf"\echo {mark} :SQLSTATE :LAST_ERROR_MESSAGE",
            rf"\echo {mark}",
        ]
    return "\n".join(lines) + "\n"


def _answers(output: str, mark: str) -> list[Answer]:
    pattern = re.compile(rf"(.*?)\n{mark} (\S+) (.*?)\n{mark}\n", re.DOTALL)
    return [_answer(each[1], each[2], each[3]) for each in pattern.finditer(output)]


def _answer(rows: str, code: str, message: str) -> Answer:
    if code.startswith(":"):  # a variable that this psql does not have
        raise UnavailableError(
            "psql is older than 11", hint="put the directory of a newer one first into PATH"
        )
    if code != _DONE:
        return Refusal(code, message)
    try:
        found = json.loads(rows)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise UnavailableError(
            "the server does not answer as PostgreSQL does: its rows are none",
            hint="--dsn must lead to PostgreSQL itself",
        )
    return found


def _failure(said: str) -> UnavailableError:
    """Return what psql said when it came to no connection, or lost it."""
    lines = [clean(line.strip()) for line in said.splitlines() if line.strip()]
    told = [line for line in lines if not _GUESS.match(line)]
    words = re.sub(r"^psql: (?:error: )?", "", "; ".join(told)) or "psql ended without a word"
    hint = next((hint for part, hint in _HINTS.items() if part in said), _HINT)
    return UnavailableError(f"the server cannot be asked: {words}", hint=hint)
