"""``pgward hba rollback`` and ``remove``."""

import click

from pgward.core.clock import SystemClock
from pgward.hba.host_options import OpenHost
from pgward.hba.install import rollback as work
from pgward.hba.install.contents import check_by_hand
from pgward.hba.install.effect import effect_of
from pgward.hba.install.host import Host
from pgward.hba.install.rollback import Back, Gone
from pgward.hba.ssh_options import reachable_host_options
from pgward.system import process, terminal

_dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would change, and change nothing."
)


@click.command()
@reachable_host_options
@click.option("--list", "listed", is_flag=True, help="List the changes that can be taken back.")
@click.option("--to", "stamp", metavar="CHANGE", help="Before which one.  [default: the last]")
@_dry_run_option
@click.option("--force", is_flag=True, help="Give up what others wrote into the files since.")
@click.option(
    "--with-material",
    is_flag=True,
    help="Go back to that certificate and those revocation lists, too.",
)
def rollback(
    *,
    open_host: OpenHost,
    listed: bool,
    stamp: str | None,
    dry_run: bool,
    force: bool,
    with_material: bool,
) -> None:
    """Put the configuration back to what it was before a change.

    Certificate, CA and revocation lists stay the present ones, as older ones may have expired,
    and PostgreSQL would refuse everyone. It is a change itself: the next rollback takes it back.
    """
    host = open_host()
    if listed:
        _list(host)
        return
    now = SystemClock().now()
    if dry_run:
        back = work.find_back(host, stamp, now=now, material=with_material)
        if not force:
            work.check_edited(back)
        _show(host, back)
        return
    with process.unwound_by_sigterm():
        gone = work.rollback(host, stamp, now=now, force=force, material=with_material)
    _tell(host, gone)


@click.command()
@reachable_host_options
@_dry_run_option
@click.option(
    "--overwrite-edits", is_flag=True, help="Lose what was edited by hand in pgward's blocks."
)
def remove(*, open_host: OpenHost, dry_run: bool, overwrite_edits: bool) -> None:
    """Take pgward's blocks out of the configuration.

    Identity, certificate and revocation lists stay where they are, for another apply. Stop the
    timer of `pgward hba refresh`.
    """
    host = open_host()
    if dry_run:
        back = work.find_removal(host)
        if not overwrite_edits:
            check_by_hand(back.edits)
        _show(host, back)
        return
    with process.unwound_by_sigterm():
        now = SystemClock().now()
        gone = work.remove(host, now=now, overwrite_edits=overwrite_edits)
    _tell(host, gone)


def _list(host: Host) -> None:
    rows = [
        {
            "stamp": about.stamp,
            "what": about.what,
            "pgward": about.pgward,
            "files": [each.path for each in journal.files],
        }
        for about, journal in reversed(work.history(host).records())
    ]
    terminal.report(changes=rows)
    if not rows:
        terminal.note("there is no change to take back")
    for row in rows:
        terminal.echo(terminal.clean(f"{row['stamp']}  {row['what']}"))


def _show(host: Host, back: Back) -> None:
    diff, effect = back.diff(), effect_of(host.data_dir, back.edits)
    terminal.report(dry_run=True, changed=bool(diff), what=back.what, ways=effect.document())
    if not diff:
        terminal.note("nothing would change")
        return
    terminal.echo(diff.rstrip("\n"), fact="diff")
    for line in effect.lines():
        terminal.note(line)


def _tell(host: Host, gone: Gone) -> None:
    if gone.recovered:
        terminal.note("an earlier run was cut off; what it left was undone first")
    terminal.report(
        dry_run=False,
        changed=gone.changed,
        what=gone.back.what,
        running=gone.running,
        took=gone.took,
        data_dir=str(host.data_dir.path),
    )
    if not gone.changed:
        terminal.note("nothing to change")
        return
    terminal.note(f"{gone.back.what}: done in {host.data_dir.path}")
    if not gone.running:
        terminal.note("the server does not run; this takes effect when it starts")
    elif gone.took:
        terminal.note("the running server took it")
    else:
        terminal.note(
            "warning: the server was told to reload, and whether it did could not be verified: look"
            " for 'not reloaded' in its log, or name a superuser with --psql-user"
        )
