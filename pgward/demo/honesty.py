"""What makes the CA trustworthy; each proof returns facts, or raises DemoError."""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgward.demo import parts
from pgward.demo.client import count_answers
from pgward.demo.crew import environment, pgward_command
from pgward.demo.errors import DemoError
from pgward.demo.parts import Identity, Workshop
from pgward.demo.site import Site

READY_SECONDS = 20.0
_ISSUER = "select issuer_dn from pg_stat_ssl where pid = pg_backend_pid()"


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the log has a certificate: ``index`` of ``size`` entries, under ``root``."""

    index: int
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """Who issued before and after, as PostgreSQL sees it, and how often a session answered."""

    before: str
    after: str
    answers: int


def entry(shop: Workshop, me: Identity) -> Entry:
    """Have the person's own pgward prove that the log holds the certificate."""
    told = json.loads(shop.person("ca", "log", "prove", f"{me.serial:x}", "-o", "json").output)
    return Entry(told["log_index"], told["size"], told["root"])


def ocsp(shop: Workshop, url: str, me: Identity, expected: str) -> str:
    """Ask the CA with OpenSSL for a certificate's state; return its line, which must be so."""
    certs = shop.layout.authority / "certs"
    command = [
        *("openssl", "ocsp", "-issuer", str(certs / "user-issuing.crt")),
        *("-serial", f"0x{me.serial:x}", "-url", f"{url}/ocsp"),
        *("-CAfile", str(certs / "user-root.crt")),
    ]
    done = shop.crew.run(command, environment(shop.layout.home))
    state = f"0x{me.serial:x}: {expected}"
    if "Response verify OK" not in done.messages or state not in done.output.splitlines():
        raise DemoError(f"OCSP does not say {expected}: {done.output}{done.last_words}")
    return state


def altered_row(shop: Workshop, name: str) -> str:
    """Alter a copy of the store, as whoever holds the database can; return what verify finds."""
    copy = shop.layout.file("altered")
    _copy(shop.layout.authority, copy)
    with _open(copy) as store, store:
        store.execute(
            "update certificates set subject = ? where subject = ? and kind = 'person'",
            (name, parts.USER),
        )
    found = _problem(shop, copy)
    shutil.rmtree(copy)
    return found


def has_openssl() -> bool:
    """Tell whether there is an OpenSSL to ask with."""
    return shutil.which("openssl") is not None


def _copy(directory: Path, copy: Path) -> None:
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("ca.db*", "keys", "passphrase"))
    with _open(directory) as store, _open(copy) as target:
        store.backup(target)


@contextmanager
def _open(directory: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(directory / "ca.db")) as store:
        yield store


def _problem(shop: Workshop, directory: Path) -> str:
    """Return the one problem that `ca log verify` must find."""
    command = pgward_command(("ca", "log", "verify", directory, "-o", "json"))
    done = shop.crew.run(command, environment(shop.layout.home))
    problems = json.loads(done.output or "{}").get("problems", [])
    if (done.code, len(problems)) != (1, 1):
        raise DemoError(f"the log does not tell what was altered: {done.last_words}")
    return f"{problems[0]['row']}: {problems[0]['what']}"


def replacement(shop: Workshop, site: Site) -> Replaced:
    """Rotate the CA that issues to people until the new one does; a session must work on."""
    before = _issuer(site)
    session = site.psql.work(site.tunnel.conninfo)
    shop.admin("ca", "rotate", "start", "issuing", shop.layout.authority, "--hierarchy", "user")
    _until_ready(shop, site)
    shop.admin("ca", "rotate", "advance")
    parts.log_in_again(shop)
    answers = count_answers(session, READY_SECONDS)
    shop.crew.stop(session)
    after = _issuer(site)
    if after == before:
        raise DemoError(f"the new CA did not issue: {after}")
    return Replaced(before, after, answers)


def _issuer(site: Site) -> str:
    return site.psql.query(site.native, _ISSUER)


def _until_ready(shop: Workshop, site: Site) -> None:
    """Have PostgreSQL refreshed, as its timer does, until every machine trusts the new CA."""
    deadline = time.monotonic() + READY_SECONDS
    parts.refresh(shop, site.cluster)
    while late := _laggards(shop):
        if time.monotonic() > deadline:
            raise DemoError(f"not every machine was seen to trust the new CA: {late}")
        parts.refresh(shop, site.cluster)


def _laggards(shop: Workshop) -> str:
    told = json.loads(shop.admin("ca", "rotate", "status", "-o", "json").output)
    late = [each for rotation in told["rotations"] for each in rotation["laggards"]]
    return "; ".join(f"{each['machine']}: {each['why']}" for each in late)
