"""``pgward audit verify | export``: chains of records, checked here and not believed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from cryptography import x509

from pgward.audit.chain import manifest as manifests
from pgward.audit.chain.head import Head
from pgward.audit.chain.manifest import ManifestError
from pgward.client import audit_archive, options
from pgward.client.api import ApiClient
from pgward.client.audit_checking import ChainCheck, Signers
from pgward.client.audit_exported import Exported, Exporter
from pgward.client.audit_memory import Heads
from pgward.client.home import Home
from pgward.client.phrases import counted
from pgward.client.session import Session
from pgward.client.time_option import TimeOption
from pgward.core.clock import SystemClock, rfc3339
from pgward.core.errors import PgwardError
from pgward.pki import jws, pem
from pgward.system import terminal
from pgward.system.files import storage_errors
from pgward.system.paths import pgward_home

_PATH = click.Path(path_type=Path)
_NOT_ITS_FAULT = ("unavailable", "denied", "login_needed", "rate_limited")
_CHECKED = {
    "edge": "EDGE",
    "chain": "CHAIN",
    "first_seq": "FROM",
    "last_seq": "TO",
    "lines": "LINES",
    "missing": "MISSING",
    "left_out": "LEFT OUT",
    "result": "RESULT",
}


class ChainsBrokenError(PgwardError):
    """What is on record is not what edges put there."""


@click.command("verify")
@click.option("--edge", metavar="NAME", help="Only this edge's chains.")
@click.option(
    "--directory", metavar="DIR", type=_PATH, help="What `audit export` wrote, in place of the CA."
)
@click.option(
    "--ca-cert",
    "roots",
    metavar="FILE",
    type=_PATH,
    multiple=True,
    help="Trust these server roots, too: of before a rotation, or of another CA.",
)
@options.output
def verify(edge: str | None, directory: Path | None, roots: tuple[Path, ...], output: str) -> None:
    """Verify that nobody changed, removed or added a record.

    Lines are hashed with those before; each chunk of them was signed by its edge. All is read
    and computed here. How far each chain goes is remembered, and must not become less.
    Exit status 1 when anything is wrong.
    """
    if directory is None:
        with options.session() as session:
            trusted = _roots(session.trust.server_roots, roots)
            memory = Heads(pgward_home(), session.trust.fingerprint)
            found = list(_archived(session, Signers(trusted), memory, edge))
            memory.save(each for each in found if not each["problems"])
    else:
        known = _trusted_here() if not roots else ()
        found = _exported(Exported(directory), Signers(_roots(known, roots)), edge)
    _tell(found, output)


@click.command("export", short_help="Write records to a directory, with what verifies them.")
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option("--edge", metavar="NAME", help="Only this edge's chains.")
@click.option("--user", metavar="NAME", help="Only chunks with records of this person.")
@click.option("--service", metavar="NAME", help="Only chunks with records of this service.")
@click.option("--since", type=TimeOption(), help="Only chunks with records from this time on.")
@click.option("--until", type=TimeOption(), help="Only chunks with records before this time.")
def export(directory: Path, **wanted: str | None) -> None:
    """Write records to DIR: a line each, in files by edge and chain, with their manifests.

    What is there already is not fetched again. `pgward audit verify --directory DIR` verifies it,
    without the CA: each chunk by itself, and that they follow each other where none was left out.
    """
    with options.session() as session:
        api = session.api()
        exporter = Exporter(directory)
        for row in audit_archive.chunks(api, **wanted):
            signed = manifests.read(row["manifest"])
            if not exporter.has(signed):
                exporter.write(signed, audit_archive.lines(api, signed))
        exporter.finish(
            {
                "ca": session.trust.ca_url,
                "time": rfc3339(SystemClock().now()),
                "filters": {name: value for name, value in wanted.items() if value is not None},
                "chains": audit_archive.chains(api, wanted["edge"]),
            }
        )
    terminal.report(directory=str(directory), chunks=exporter.chunks, written=exporter.written)
    terminal.note(
        f"{counted(exporter.chunks, 'chunk')} in {directory}, {exporter.written} of them new"
    )


def _archived(
    session: Session, signers: Signers, memory: Heads, edge: str | None
) -> Iterator[dict[str, Any]]:
    api, remembered = session.api(), memory.load()
    chains = audit_archive.chains(api, edge)
    for row in chains:
        key = f"{row['edge']}/{row['chain']}"
        start = Head(row["chain"], row["first_seq"] - 1, jws.decode(row["first_hash"]))
        check = ChainCheck(
            row["edge"], start, signers, [tuple(each) for each in row["gaps"]], remembered.get(key)
        )
        _fetch(api, check)
        check.end(Head(row["chain"], row["head_seq"], jws.decode(row["head_hash"])))
        yield check.to_json()
    gone = remembered.keys() - {f"{row['edge']}/{row['chain']}" for row in chains}
    for key in sorted(gone):
        name, _, chain = key.partition("/")
        if edge in (None, name):
            yield _vanished(name, chain, remembered[key]["seq"])


def _fetch(api: ApiClient, check: ChainCheck) -> None:
    for row in audit_archive.chunks(api, edge=check.edge, chain=check.start.chain):
        try:
            signed = manifests.read(str(row["manifest"]))
        except ManifestError as error:
            check.unreadable(int(row["first_seq"]), error.message)
            continue
        try:
            lines = audit_archive.lines(api, signed)
        except PgwardError as error:
            if error.code in _NOT_ITS_FAULT:
                raise
            check.unreadable(signed.manifest.first_seq, error.message, signed.manifest.end)
        else:
            check.take(signed, lines)


def _exported(found: Exported, signers: Signers, edge: str | None) -> list[dict[str, Any]]:
    checked = []
    for name, chain in found.chains():
        if edge not in (None, name):
            continue
        check = ChainCheck(
            *(name, found.start(name, chain), signers, found.gaps(name, chain)),
            left_out=found.left_out(name, chain),
        )
        for first_seq, read in found.chunks(name, chain):
            try:
                check.take(*read())
            except PgwardError as error:
                check.unreadable(first_seq, error.message)
        check.end(replace(check.start, seq=found.last(name, chain)))
        checked.append(check.to_json())
    return checked


def _vanished(edge: str, chain: str, seq: int) -> dict[str, Any]:
    why = f"the chain is gone, and went to line {seq} before"
    problem = {"edge": edge, "chain": chain, "seq": 1, "problem": why}
    return {
        "edge": edge,
        "chain": chain,
        "first_seq": 1,
        "last_seq": 0,
        "lines": 0,
        "missing": 0,
        "left_out": 0,
        "problems": [problem],
    }


def _tell(found: list[dict[str, Any]], output: str) -> None:
    problems = [problem for each in found for problem in each["problems"]]
    shown = [
        {**each, "result": counted(len(each["problems"]), "problem") if each["problems"] else "ok"}
        for each in found
    ]
    columns = dict(_CHECKED)
    left_out = sum(each["left_out"] for each in found)
    if not left_out:
        del columns["left_out"]
    terminal.table(shown if output == "table" else found, columns, output, empty="no chain")
    if output == "table":
        for each in problems:
            terminal.note(f"{each['edge']} {each['chain']}: {each['problem']}")
    missing = sum(each["missing"] for each in found)
    if missing:
        terminal.note(f"{counted(missing, 'line')} never came")
    if left_out:
        terminal.note(
            f"{counted(left_out, 'line')} left out, as nobody asked for them: whether somebody"
            " changed those, `pgward audit verify` without --directory shows"
        )
    if problems:
        raise ChainsBrokenError(
            f"{counted(len(problems), 'problem')} in what is on record",
            hint="keep what is there as it is, and find out who changed it",
        )
    lines = sum(each["lines"] for each in found)
    terminal.note(f"verified: {counted(lines, 'line')} in {counted(len(found), 'chain')}")


def _trusted_here() -> tuple[str, ...]:
    return Home(pgward_home()).trust().server_roots


def _roots(known: tuple[str, ...], files: tuple[Path, ...]) -> list[x509.Certificate]:
    texts = [text.encode() for text in known]
    for path in files:
        with storage_errors(path, "read"):
            texts.append(path.read_bytes())
    return [each for text in texts for each in pem.split(text)]
