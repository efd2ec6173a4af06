"""``pgward connector set-up``: the SQL that makes a connector's account."""

import click

from pgward.access import set_up as script
from pgward.system import terminal


@click.command("set-up")
@click.option("--version", type=click.IntRange(11, 30), required=True, metavar="N",
              help="Major version of PostgreSQL.")  # fmt: skip
@click.option("--flavour", type=click.Choice(script.FLAVOURS), default="self",
              show_default=True, help="Who runs the server.")  # fmt: skip
@click.option("--user", default="pgward_connector", show_default=True, metavar="ROLE",
              help="The connector's account.")  # fmt: skip
@click.option("--database", "databases", multiple=True, metavar="NAME",
              help="A database whose objects people may get; again for more.")  # fmt: skip
@click.option("--owner", "owners", multiple=True, metavar="ROLE",
              help="A role that owns such objects; again for more.")  # fmt: skip
@click.option("--role", "roles", multiple=True, metavar="ROLE",
              help="A role of the server's own that people may get; again for more.")  # fmt: skip
@click.option("--reassign-to", metavar="ROLE", help="The integration's reassignTo.")
def set_up(
    *,
    version: int,
    flavour: str,
    user: str,
    databases: tuple[str, ...],
    owners: tuple[str, ...],
    roles: tuple[str, ...],
    reassign_to: str | None,
) -> None:
    """Print the SQL that makes the connector's account, with no more rights than it needs.

    Read it, and run it as an administrator of the server; the password is for you to set.
    """
    terminal.echo(
        script.sql(
            version,
            flavour,
            user=user,
            databases=databases,
            owners=owners,
            roles=roles,
            reassign_to=reassign_to,
        ).rstrip()
    )
