"""``pgward hba prove``."""

import click

from pgward.hba.host_options import OpenHost, host_options
from pgward.hba.install.source import MachineSource
from pgward.hba.login import shown
from pgward.hba.prove import run, words
from pgward.hba.prove.ca_source import CaProofs
from pgward.hba.prove.judging import Report, Status
from pgward.hba.prove.run import Wish
from pgward.system import process, terminal
from pgward.system.output import option as output_option

_DIFFERS = 1
_COLUMNS = {
    "address": "ADDRESS",
    "encryption": "BY",
    "role": "AS",
    "database": "TO",
    "shown": "WITH",
    "wanted": "WANTED",
    "files": "FILES",
    "seen": "SEEN",
    "status": "",
}


@click.command()
@host_options
@click.option(
    "--login",
    "logins",
    multiple=True,
    metavar="DIR",
    help="A person's identity, or CERTIFICATE:KEY, to try too; repeat it for more.",
)
@click.option("--members", is_flag=True, help="Make the role a member of the groups in the files.")
@click.option("--domain", metavar="DOMAIN", help="What the map takes off names, if not pgward's.")
@click.option("--no-refresh", is_flag=True, help="Do not have the server read new lists first.")
@click.option("--strict", is_flag=True, help="Fail for what was not tried or is open, too.")
@click.option("--all", "everything", is_flag=True, help="Show the rows that are right, too.")
@output_option
def prove(
    *,
    open_host: OpenHost,
    logins: tuple[str, ...],
    members: bool,
    domain: str | None,
    no_refresh: bool,
    strict: bool,
    everything: bool,
    output: str,
) -> None:
    """Log in along every path that should work or fail, and compare.

    Over each address of the server: without TLS, without a certificate, with one that is another
    CA's, expired, not yet valid, revoked, a server's, and with a right one, as the right role and
    as a wrong one. The roles are made for it and removed. The status is 1 where what was seen
    differs from what pgward's plan wants or from what the files say.
    """
    host = open_host()
    wish = Wish(tuple(shown.from_option(each) for each in logins), members, not no_refresh, domain)
    source = MachineSource(host.identity_dir, host.data_dir.owner, token=None)
    with process.unwound_by_sigterm():
        report = run.prove(host, CaProofs(host, source), wish)
    _show(report, output, everything=everything or strict)
    if report.fails(strict=strict):
        raise SystemExit(_DIFFERS)


def _show(report: Report, output: str, *, everything: bool) -> None:
    if output != "table":
        terminal.structured(report.to_json(), output)
        return
    quiet = set() if everything else {Status.OK}
    rows = [row for row in report.rows if row.status not in quiet]
    if rows:
        terminal.table([words.cells(row) for row in rows], _COLUMNS)
    for row in report.rows:
        if row.status in {Status.DIFFERS, Status.OPEN, Status.NOT_TRIED}:
            terminal.note(words.named(row))
    for text in words.legend(rows):
        terminal.note(f"hint: {text}")
    for note in report.notes:
        terminal.note(f"note: {note}")
    counts = ", ".join(f"{report.count(status)} {status}" for status in Status)
    terminal.echo(f"PostgreSQL {report.version}: {counts}")
