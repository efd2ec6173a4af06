"""``pgward doctor``."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from pgward.client import options
from pgward.client.home import Home
from pgward.core.address import Address
from pgward.core.clock import SystemClock
from pgward.core.errors import InvalidInputError
from pgward.doctor import messages, runner
from pgward.doctor.finding import Finding, Status, broken, exit_code
from pgward.doctor.order import CHECKS
from pgward.doctor.patient import Patient
from pgward.system import terminal
from pgward.system.paths import pgward_home

_POSTGRESQL = 5432
_MOST = 64 * 1024


@click.command()
@click.argument("service", required=False)
@click.option("--host", metavar="HOST[:PORT]", help="PostgreSQL's own address, past the edges.")
@click.option("--database", metavar="NAME", help="Log in to this database.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 60),
    default=5.0,
    show_default=True,
    help="How long one step on the network may take.",
)
@click.option(
    "--explain",
    metavar="TEXT",
    help="Say what a message of psql or a driver means; - reads it from standard input.",
)
@options.output
def doctor(
    *,
    service: str | None,
    host: str | None,
    database: str | None,
    seconds: float,
    explain: str | None,
    output: str,
) -> None:
    """Look at every link from this machine to PostgreSQL, and say which one breaks.

    Without SERVICE it looks up to the CA. It changes nothing but a certificate that is due for
    renewal. Exit status 1 when a link is broken, 4 when a login is needed, 3 when you are denied.
    """
    if explain is not None:
        _explain(explain, output)
        return
    patient = Patient(
        home=Home(pgward_home()),
        clock=SystemClock(),
        environ=os.environ,
        user_home=Path.home(),
        service_name=service,
        direct=None if host is None else Address.parse(host, default_port=_POSTGRESQL),
        database=database,
        seconds=seconds,
    )
    try:
        findings = _look(patient, output)
    finally:
        patient.close()
    _conclude(findings, service, output)
    sys.exit(exit_code(findings))


def _look(patient: Patient, output: str) -> list[Finding]:
    findings = []
    for finding in runner.run(CHECKS, patient):
        findings.append(finding)
        if output == "table" and finding.status is not Status.SKIP:
            _tell(finding)
    return findings


def _tell(finding: Finding) -> None:
    mark = terminal.mark(finding.status.value)
    terminal.echo(f"{mark}  {finding.check:<14}  {terminal.clean(finding.what)}")
    if finding.status in (Status.FAIL, Status.WARN):
        for label, text in (("why", finding.why), ("do", finding.hint)):
            if text:
                terminal.echo(f"{'':22}{label}: {terminal.clean(text)}")


def _conclude(findings: list[Finding], service: str | None, output: str) -> None:
    first = broken(findings)
    if output != "table":
        facts: dict[str, Any] = {
            "service": service,
            "healthy": first is None,
            "broken": None if first is None else first.check,
            "findings": [finding.to_json() for finding in findings],
        }
        terminal.structured(facts, output)
        return
    skipped = [finding.check for finding in findings if finding.status is Status.SKIP]
    if skipped:
        terminal.echo(f"{terminal.mark('skip')}  behind what is broken: {', '.join(skipped)}")
    if first is not None:
        terminal.note(f"the link that breaks: {first.check}")
    elif service is None:
        terminal.note("nothing is broken up to the CA; pgward doctor SERVICE looks further")
    else:
        terminal.note(f"nothing is broken on the way to {service}")


def _explain(text: str, output: str) -> None:
    if text == "-":
        text = sys.stdin.read(_MOST)
    meaning = messages.translate(text)
    if meaning is None:
        raise InvalidInputError(
            "that message is not known here", hint="pgward doctor SERVICE looks at every link"
        )
    facts = {"name": meaning.name, "meaning": meaning.meaning, "hint": meaning.hint}
    if output == "table":
        terminal.record(facts, {"meaning": "means", "hint": "do"})
    else:
        terminal.structured(facts, output)
