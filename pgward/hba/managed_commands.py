"""``pgward hba managed``."""

import click

from pgward.hba.plan import managed as services
from pgward.system import terminal
from pgward.system.output import option as output_option


@click.command()
@click.argument("service", type=click.Choice(services.NAMES), metavar="SERVICE")
@output_option
def managed(*, service: str, output: str) -> None:
    """Say what a managed PostgreSQL service can take, what it cannot, and what to do instead.

    Such a service gives nobody its files, so `pgward hba apply` cannot work there. Nothing is
    asked or changed. SERVICE is rds, aurora, cloudsql, alloydb, azure, supabase, neon, crunchy,
    aiven or apsaradb. The pages that say so are named; what none says is told as not confirmed.
    """
    found = services.find(service)
    if output != "table":
        terminal.structured(found.to_json(), output)
        return
    terminal.echo(services.text(found))
    terminal.echo(services.common().rstrip("\n"))
    terminal.note(f"its pages were read in {services.CHECKED}; services change: look at them again")
