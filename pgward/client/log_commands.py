"""``pgward certificates`` and ``pgward ca log head | prove | monitor``: the log, believed not."""

import json
import shlex
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from pgward.client import log_follow, log_proofs, options
from pgward.client.api import ApiClient
from pgward.client.home import Home
from pgward.client.log_follow import Places
from pgward.client.log_proofs import Leaf
from pgward.client.phrases import ago, when
from pgward.client.session import Session
from pgward.client.witness import Seen, Witness
from pgward.core.clock import SystemClock, parse_rfc3339, rfc3339
from pgward.core.errors import DeniedError, PgwardError, UnavailableError
from pgward.pki.log_entry import CertificateEntry, Entry, RevocationEntry
from pgward.pki.tree_head import TreeHead
from pgward.system import terminal
from pgward.system.durations import Duration
from pgward.system.paths import pgward_home

_PEOPLES = ("person", "minted")  # kinds of certificates in people's names
_STALE = timedelta(days=2)  # a head is signed at least once a day
_MINE = {
    "serial": "SERIAL",
    "state": "STATE",
    "issued": "ISSUED",
    "ends": "ENDS",
    "client": "FROM",
    "log_index": "LOG ENTRY",
}
_HEAD = {
    "size": "entries",
    "root": "root",
    "time": "signed at",
    "log_id": "log",
    "seen": "seen before",
}
_PROOF = {
    "serial": "serial",
    "subject": "name",
    "log_index": "entry",
    "leaf_hash": "leaf hash",
    "size": "log of",
    "root": "root",
    "time": "signed at",
}


@click.command()
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@options.output
def certificates(limit: int, everything: bool, output: str) -> None:
    """List every certificate that was ever issued in your name.

    Each is proved to be in the CA's transparency log. One that you did not ask for: `pgward
    logout`, change your password, and tell an administrator.
    """
    with options.session() as session:
        rows = []
        for row in own_certificates(session):
            rows.append(row)
            if len(rows) == limit and not everything:
                break
        total = f"the newest {limit}" if len(rows) == limit and not everything else str(len(rows))
    now = SystemClock().now()
    shown = [
        {
            **row,
            "issued": when(parse_rfc3339(row["issued_at"]), now),
            "ends": when(parse_rfc3339(row["not_after"]), now),
        }
        for row in rows
    ]
    terminal.table(shown if output == "table" else rows, _MINE, output, empty="there is none")
    terminal.note(f"{total} in the name of {session.user.name}, each proved to be in the log")


def own_certificates(session: Session) -> Iterator[dict[str, Any]]:
    """Yield the certificates in one's own name, newest first, each proved; raise LogError."""
    api, cursor = session.api(), None
    seen: Seen | None = None
    while True:
        reply = api.get("/v1/me/certificates", cursor=cursor)
        jws = str(reply["head"]["jws"])
        if seen is None or seen.jws != jws:
            seen = witness(session).accept(api, jws)
        for row in reply["certificates"]:
            proved = log_proofs.check_shown(row, seen.head, session.user.name)
            yield {k: v for k, v in row.items() if k not in ("entry", "proof")} | {"log": proved}
        cursor = reply.get("cursor")
        if cursor is None:
            return


def witness(session: Session) -> Witness:
    """Return the memory of the log of this session's CA."""
    return Witness(pgward_home(), session.trust.fingerprint)


@click.command("head")
@click.option(
    "--forget",
    is_flag=True,
    help="Begin anew with what the CA shows now, after its administrators explained why.",
)
@options.output
def show_head(forget: bool, output: str) -> None:
    """Show the newest signed head of the log, checked against the last one seen here.

    Needs no login. Compare `entries` and `root` with other people's: the CA can show two people
    two different logs only as long as they never compare.
    """
    trust = Home(pgward_home()).trust()
    if forget and (kept := Witness(pgward_home(), trust.fingerprint).forget()) is not None:
        log_follow.forget(pgward_home(), trust.fingerprint)
        terminal.note(f"what was known of the log is in {kept} now")
    with ApiClient.of(trust) as api:
        seen = Witness(pgward_home(), trust.fingerprint).update(api)
    warn_if_stale(seen.head)
    before = None if seen.before is None else f"{seen.before.size} entries"
    terminal.record({**seen.head.to_json(), "seen": before, "jws": seen.jws}, _HEAD, output)


@click.command("prove")
@click.argument("name", metavar="SERIAL|FINGERPRINT")
@options.output
def prove(name: str, output: str) -> None:
    """Prove that a certificate is in the log; one of your own, or any for administrators.

    JSON and YAML hold the whole proof: entry, path and signed head.
    """
    with options.session() as session:
        shown = _prove(session, name)
    terminal.record(shown, _PROOF, output)
    terminal.note("proved: it is in the log")


def _prove(session: Session, name: str) -> dict[str, Any]:
    api = session.api()
    found = api.get(options.path("certificates", name))
    index = found.get("log_index")
    if index is None:
        raise PgwardError("the certificate is not in the log: it was never signed")
    reply = api.get("/v1/log/proof/inclusion", index=index)
    seen = witness(session).accept(api, str((reply.get("head") or {}).get("jws")))
    (value, *_) = api.get("/v1/log/entries", start=index, limit=1)["entries"] or [{}]
    row = found | {"entry": value, "proof": reply["proof"]}
    log_proofs.check_shown(row, seen.head, str(found["subject"]))
    return {
        "serial": found["serial"],
        "subject": found["subject"],
        "log_index": index,
        "leaf_hash": value["leaf_hash"],
        **seen.head.to_json(),
        "entry": value["entry"],
        "proof": reply["proof"],
        "head": seen.jws,
    }


@click.command("monitor")
@click.option("--user", metavar="NAME", help="Only certificates in this name (administrators).")
@click.option("--once", is_flag=True, help="Look once, and end.")
@click.option("--from-start", is_flag=True, help="Begin with the first entry of the log.")
@click.option("--interval", type=Duration(), default="30s", show_default=True, help="How often.")
@click.option(
    "--exec", "command", metavar="CMD", help="Run CMD for each, with the JSON on standard input."
)
@options.output
def monitor(  # noqa: PLR0917 - options
    user: str | None,
    once: bool,
    from_start: bool,
    interval: timedelta,
    command: str | None,
    output: str,
) -> None:
    """Follow the log: print each new certificate in your name, as it is issued.

    Administrators see everybody's, and revocations. Begins where the last run ended. Each time
    it proves that the log only grew; if it did not, it says so, keeps the evidence, and ends.
    """
    with options.session() as session:
        follower = _Follower(session, user, from_start=from_start)
        while True:
            try:
                for leaf in follower.look():
                    _announce(leaf, output, command)
            except UnavailableError as error:
                if once:
                    raise
                terminal.note(f"note: {error.message}; looking again in {interval}")
            if once:
                return
            time.sleep(interval.total_seconds())
            session.ensure_certificate(timedelta(minutes=5))


class _Follower:
    """Follows the log for one person: what is new, each time it looks."""

    def __init__(self, session: Session, user: str | None, *, from_start: bool) -> None:
        self._session = session
        self._all = session.user.administrator
        if user not in (None, session.user.name) and not self._all:
            raise DeniedError("only an administrator may follow other people's certificates")
        self._user = user
        who = "*" if self._all else session.user.name
        self._places = Places(pgward_home(), session.trust.fingerprint, who)
        self._begin = from_start

    def look(self) -> Iterator[Leaf]:
        """Yield what is new, and remember it as seen; raise LogError."""
        api = self._session.api()
        head = witness(self._session).update(api).head
        warn_if_stale(head)
        place = None if self._begin else self._places.load()
        if place is None:
            place = log_follow.start(api, head, everything=self._all, begin=self._begin)
            self._begin = False
            self._places.save(place)
        if not self._all:
            for leaf, after in log_follow.own(api, place, head):
                yield leaf
                self._places.save(after)
            return
        found, after = log_follow.every(api, place, head)
        yield from (leaf for leaf in found if self._wants(leaf.entry))
        self._places.save(after)

    def _wants(self, entry: Entry | None) -> bool:
        if self._user is None:
            return True
        if not isinstance(entry, CertificateEntry):
            return False
        return entry.kind in _PEOPLES and entry.subject == self._user


def warn_if_stale(head: TreeHead) -> None:
    """Say so when the CA shows an old head: it may hide what came since."""
    age = SystemClock().now() - head.time
    if age > _STALE:
        terminal.note(f"warning: the newest head was signed {ago(age)}, and one is due each day")


def _announce(leaf: Leaf, output: str, command: str | None) -> None:
    told = _told(leaf)
    if command is not None:
        _run(command, told)
    if output == "table":
        terminal.echo(
            "  ".join(terminal.cell(each) for each in told.values() if each not in (None, ""))
        )
    elif output == "json":
        terminal.echo(json.dumps(told))
    else:
        terminal.documents([told])


def _told(leaf: Leaf) -> dict[str, Any]:
    entry = leaf.entry
    told: dict[str, Any] = {"log_index": leaf.log_index}
    if entry is None:
        return told | {"event": "purged"}
    told["time"] = rfc3339(entry.time)
    if isinstance(entry, CertificateEntry):
        return told | {
            "event": "issued",
            "kind": entry.kind,
            "subject": entry.subject,
            "serial": log_proofs.serial_of(entry),
            "client": entry.client,
        }
    if isinstance(entry, RevocationEntry):
        return told | {"event": "revoked", "serial": entry.serial, "reason": entry.reason}
    return told


def _run(command: str, told: dict[str, Any]) -> None:
    program = shlex.split(command)
    try:
        done = subprocess.run(program, input=json.dumps(told), text=True, check=False)
    except OSError as error:
        raise PgwardError(f"{program[0]} cannot be run: {error.strerror}") from error
    if done.returncode:
        terminal.note(f"warning: {Path(program[0]).name} ended with status {done.returncode}")
