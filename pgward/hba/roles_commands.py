"""``pgward hba roles``: the map and the roles of a server as the role maps at the CA say."""

import click

from pgward.core.clock import SystemClock
from pgward.core.errors import PgwardError
from pgward.hba.host_options import OpenHost
from pgward.hba.install.source import MachineSource
from pgward.hba.roles import asking
from pgward.hba.roles import sync as work
from pgward.hba.roles.sync import Outcome
from pgward.hba.roles.wanted import Wanted
from pgward.hba.ssh_options import reachable_host_options
from pgward.system import process, terminal


@click.command()
@reachable_host_options
@click.option(
    "--map",
    "map_name",
    default="pgward",
    show_default=True,
    metavar="NAME",
    help="Name of the map in pg_ident.conf.",
)
@click.option(
    "--plan", "only_plan", is_flag=True, help="Show what would change, and change nothing."
)
@click.option("--force", is_flag=True, help="Also take most people's last role away at once.")
def roles(*, open_host: OpenHost, map_name: str, only_plan: bool, force: bool) -> None:
    """Make pg_ident.conf, and the roles, what the role maps at the CA say.

    Whoever may be a role no longer cannot log in as it from then on, and the sessions end. Roles
    that pgward did not make are never changed. Run it from a timer.
    """
    host = open_host()
    trees = host.data_dir.access.trees
    source = MachineSource(host.identity_dir, host.data_dir.owner, token=None, trees=trees)

    def ask() -> Wanted:
        return source.ask(asking.ask)

    if only_plan:
        outcome = work.look(host, ask, map_name=map_name, force=force)
        _show_plan(outcome)
    else:
        with process.unwound_by_sigterm():
            outcome = work.sync(host, ask, map_name=map_name, now=SystemClock().now(), force=force)
        _tell(outcome)
        if outcome.refusal is not None:
            raise outcome.refusal
    _check(outcome)


def _show_plan(outcome: Outcome) -> None:
    statements = [*outcome.planned.statements, *outcome.planned.dropped]
    _report(outcome, dry_run=True)
    _warn(outcome)
    terminal.echo(outcome.diff.rstrip("\n"), fact="diff") if outcome.diff else None
    if statements:
        terminal.echo("\n".join(statements), fact="sql")
    for person, role in sorted(outcome.planned.ended):
        terminal.note(f"sessions of {person} as {role} would end")
    if not outcome.changed:
        terminal.note("nothing would change")


def _tell(outcome: Outcome) -> None:
    _report(outcome, dry_run=False)
    _warn(outcome)
    if outcome.away is not None:
        over = len(outcome.planned.ended)
        but = f", but for {over} whose grant is over" if over else ""
        terminal.note(f"warning: the CA told nothing, so all stays as it is{but}: {outcome.away}")
        return
    pairs = len(outcome.planned.pairs)
    done = "changed" if outcome.changed else "nothing to change in"
    terminal.note(f"{done} the map and the roles: {pairs} pairs of a person and a role")
    if outcome.ended:
        terminal.note(f"ended {outcome.ended} sessions of people who lost the role")


def _report(outcome: Outcome, *, dry_run: bool) -> None:
    planned = outcome.planned
    terminal.report(
        dry_run=dry_run,
        changed=outcome.changed,
        pairs=[{"person": person, "role": role} for person, role in sorted(planned.pairs)],
        removed=[{"person": person, "role": role} for person, role in sorted(planned.ended)],
        ended=outcome.ended,
        unended=outcome.unended,
        held=outcome.held,
        away=outcome.away,
        warnings=list(outcome.notes),
    )


def _warn(outcome: Outcome) -> None:
    for note in outcome.notes:
        terminal.note(f"warning: {note}")


def _check(outcome: Outcome) -> None:
    if outcome.unended:
        raise PgwardError(
            f"{outcome.unended} sessions of people who lost the role have not ended",
            hint="look at pg_stat_activity; the next run tries again",
        )
    if outcome.held is not None:
        raise PgwardError(
            f"not done: {outcome.held}",
            hint="if that is meant: pgward hba roles --force here, or maxRemovedPercent: 100 in "
            "the RoleMap",
        )
