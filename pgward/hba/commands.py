"""``pgward hba generate``, ``apply`` and ``refresh``."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from pgward.core.clock import SystemClock, rfc3339
from pgward.core.errors import InvalidInputError
from pgward.hba.host_options import OpenHost
from pgward.hba.install import apply as work
from pgward.hba.install.contents import check_before, check_by_hand, plan_contents, warnings
from pgward.hba.install.duties import attempt
from pgward.hba.install.effect import effect_of
from pgward.hba.install.host import STATE_DIR, Host
from pgward.hba.install.material import FILES
from pgward.hba.install.source import MachineSource
from pgward.hba.plan.generate import fragments
from pgward.hba.plan.model import Plan, TlsFiles
from pgward.hba.plan_options import plan_options
from pgward.hba.ssh_options import reachable_host_options
from pgward.hba.syntax.versions import NEWEST, OLDEST
from pgward.system import process, terminal
from pgward.system.files import storage_errors

_PARTS = {"postgresql": "postgresql.conf", "hba": "pg_hba.conf", "ident": "pg_ident.conf"}
_MAX_TOKEN = 8192
_WOULD_CHANGE = 1
MakePlan = Callable[[TlsFiles], Plan]


@click.command()
@click.option(
    "--pg-version",
    type=click.IntRange(OLDEST, NEWEST),
    required=True,
    metavar="V",
    help=f"Major version, {OLDEST} to {NEWEST}.",
)
@click.option("--part", type=click.Choice(list(_PARTS)), help="Print one file's fragment only.")
@click.option(
    "--tls-dir",
    default=f"{STATE_DIR}/tls/current",
    show_default=True,
    metavar="DIR",
    help="Where the server finds certificate, key, CA and CRLs.",
)
@plan_options
def generate(*, pg_version: int, part: str | None, tls_dir: str, make_plan: MakePlan) -> None:
    """Print fragments of postgresql.conf, pg_hba.conf and pg_ident.conf.

    Append the first to postgresql.conf; put the others before all lines of their files.
    """
    tls = TlsFiles(*(f"{tls_dir.rstrip('/')}/{name}" for name in FILES.values()))
    made = fragments(make_plan(tls), pg_version)
    texts = {"postgresql": made.postgresql, "hba": made.hba, "ident": made.ident}
    if part is not None:
        terminal.echo(texts[part].rstrip("\n"))
        return
    for name, text in texts.items():
        terminal.echo(f"# ---- {_PARTS[name]} ----\n{text}")


@click.command()
@reachable_host_options
@click.option(
    "--token-file",
    metavar="FILE",
    help="Join token of `pgward ca token host`, needed once; - is standard input.",
)
@click.option(
    "--dns", "names", multiple=True, metavar="NAME", help="Name the certificate must have."
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option(
    "--exit-code", is_flag=True, help="With --dry-run: status 1 when something would change."
)
@click.option(
    "--overwrite-edits", is_flag=True, help="Lose what was edited by hand in pgward's blocks."
)
@plan_options
def apply(
    *,
    open_host: OpenHost,
    token_file: str | None,
    names: tuple[str, ...],
    dry_run: bool,
    exit_code: bool,
    overwrite_edits: bool,
    make_plan: MakePlan,
) -> None:
    """Set a PostgreSQL server up to check login certificates itself.

    Writes marked blocks into postgresql.conf, pg_hba.conf and pg_ident.conf, installs the server
    certificate, the user CA and its revocation lists, reloads, and checks that the server took
    it. If not, everything is put back.
    """
    host = open_host()
    plan = make_plan(host.tls_files)
    if dry_run:
        if _show_dry_run(host, plan, overwrite_edits=overwrite_edits) and exit_code:
            raise SystemExit(_WOULD_CHANGE)
        return
    token = None if token_file is None else _read_token(token_file)
    source = _source(host, token=token, names=names)
    with process.unwound_by_sigterm():
        now = SystemClock().now()
        outcome = work.apply(
            host, plan, source, names=names, now=now, overwrite_edits=overwrite_edits
        )
        problems = _duties(host, source, outcome)
    _tell(host, outcome, now)
    _warn(problems)


@click.command()
@reachable_host_options
def refresh(*, open_host: OpenHost) -> None:
    """Renew the server certificate and the revocation lists; for a timer.

    PostgreSQL refuses everyone once a revocation list has expired, so this must run: see
    examples/pgward-hba-refresh.timer.
    """
    host = open_host()
    source = _source(host)
    with process.unwound_by_sigterm():
        now = SystemClock().now()
        outcome = work.refresh(host, source, now=now)
        problems = _duties(host, source, outcome)
    _tell(host, outcome, now)
    _warn(problems)


def _source(host: Host, *, token: str | None = None, names: tuple[str, ...] = ()) -> MachineSource:
    data_dir = host.data_dir
    trees = data_dir.access.trees
    return MachineSource(host.identity_dir, data_dir.owner, token=token, names=names, trees=trees)


def _duties(host: Host, source: MachineSource, outcome: work.Outcome) -> list[str]:
    """Show the CA, which may be about to be replaced, how this host stands."""
    if outcome.away is not None:
        return []
    found = attempt(lambda: source.duties(host.data_dir.running))
    return [f"not ready for the CA's next step: {each}" for each in found]


def _show_dry_run(host: Host, plan: Plan, *, overwrite_edits: bool) -> bool:
    """Show what would change; return whether anything would."""
    with host.looking():
        check_before(host, plan)
        _warn(warnings(host.data_dir, plan))
        made = plan_contents(host.data_dir, plan)
        if not overwrite_edits:
            check_by_hand(made.edits)
        diff, effect = made.diff(), effect_of(host.data_dir, made.edits)
    terminal.report(
        dry_run=True,
        changed=bool(diff),
        data_dir=str(host.data_dir.path),
        version=host.data_dir.able.version,
        ways=effect.document(),
    )
    if not diff:
        terminal.note("nothing would change")
        return False
    terminal.echo(diff.rstrip("\n"), fact="diff")
    for line in effect.lines():
        terminal.note(line)
    return True


def _tell(host: Host, outcome: work.Outcome, now: datetime) -> None:
    if outcome.recovered:
        terminal.note("an earlier run was cut off; what it left was undone first")
    _warn(outcome.warnings)
    if outcome.away is not None:
        _warn([f"the CA gave nothing new: {outcome.away}"])
    _report(host, outcome)
    for line in outcome.effect.lines() if outcome.effect is not None else ():
        terminal.note(line)
    done = "configured" if outcome.changed else "nothing to change in"
    terminal.note(f"{done} PostgreSQL {host.data_dir.able.version} in {host.data_dir.path}")
    terminal.note(_effect(outcome))
    material = outcome.material
    _warn(material.ending_lists(now))
    terminal.note(
        f"the server certificate, for {', '.join(sorted(material.names))}, "
        f"ends {rfc3339(material.not_after)}"
    )
    terminal.note(
        f"the next `pgward hba refresh` must succeed before {rfc3339(material.refresh_before())}: "
        "after that PostgreSQL refuses everyone; run it from a timer"
    )
    outcome.check_time_left(now)


def _report(host: Host, outcome: work.Outcome) -> None:
    material = outcome.material
    terminal.report(
        dry_run=False,
        changed=outcome.changed,
        data_dir=str(host.data_dir.path),
        version=host.data_dir.able.version,
        running=outcome.running,
        took=outcome.took,
        names=sorted(material.names),
        not_after=material.not_after,
        refresh_before=material.refresh_before(),
        away=outcome.away,
        warnings=list(outcome.warnings),
        ways=None if outcome.effect is None else outcome.effect.document(),
    )


def _effect(outcome: work.Outcome) -> str:
    if not outcome.running:
        return "the server does not run; this takes effect when it starts"
    if outcome.took:
        return "the running server took it"
    return (
        "the running server was told to reload, and whether it did could not be verified: look "
        "for 'not reloaded' in its log, or name a superuser with --psql-user"
    )


def _warn(texts: list[str] | tuple[str, ...]) -> None:
    for text in texts:
        terminal.note(f"warning: {text}")


def _read_token(name: str) -> str:
    if name == "-":
        return terminal.read_stdin_line().strip()
    path = Path(name)
    with storage_errors(path, "read"), path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(_MAX_TOKEN).strip()
    if not text:
        raise InvalidInputError("this file is empty", where=name)
    return text
