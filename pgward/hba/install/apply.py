"""``hba apply`` and ``hba refresh``: install, have the server take it, verify, or put back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pgward.core.clock import rfc3339
from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.install.change import Change, Edit
from pgward.hba.install.contents import (
    check_after,
    check_before,
    check_by_hand,
    plan_contents,
    warnings,
)
from pgward.hba.install.effect import Effect, effect_of
from pgward.hba.install.host import ONLY_MATERIAL, Checks, Host
from pgward.hba.install.material import CertificateSource, Material, MaterialError
from pgward.hba.install.plausible import check_successor
from pgward.hba.plan.model import Plan
from pgward.hba.server import probe
from pgward.hba.server.datadir import Running

LEAST_LEFT = timedelta(days=1)
"""With less than this left, and no way to refresh, a run fails loudly."""
_PROBE_ROLE = "pgward_probe"  # it need not exist: pg_hba.conf is consulted first
_BUSY_SECONDS = 30.0
_UNUSED = (
    "postgresql.conf does not name this certificate: after `pgward hba remove` stop the timer or "
    "the agent, or run pgward hba apply"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    ``took`` is None when there was no way to tell; ``away`` says why the CA gave nothing new;
    ``effect`` who gains and who loses a way in, where files changed.
    """

    material: Material
    changed: bool
    running: bool
    took: bool | None
    recovered: bool = False
    away: str | None = None
    warnings: tuple[str, ...] = ()
    effect: Effect | None = None

    def check_time_left(self, now: datetime) -> None:
        """Raise PgwardError when everybody is about to be locked out."""
        left = self.material.time_left(now)
        if self.away is not None and left < LEAST_LEFT:
            raise PgwardError(
                f"PostgreSQL will refuse everyone from {rfc3339(self.material.refresh_before())} "
                f"on, and the CA gave nothing newer: {self.away}",
                hint="bring the CA back, or this host's way to it, then: pgward hba refresh",
            )


@contextmanager
def exclusive(host: Host) -> Iterator[bool]:
    """Hold the host for one run, and undo what an earlier one left; gives whether it left any."""
    host.data_dir.disk.make_dir(host.state_dir)
    data_dir = host.data_dir
    with data_dir.access.locked(host.lock_path, data_dir.owner, seconds=_BUSY_SECONDS):
        yield host.recover()


def apply(
    host: Host,
    plan: Plan,
    source: CertificateSource,
    *,
    names: tuple[str, ...],
    now: datetime,
    overwrite_edits: bool = False,
) -> Outcome:
    """Make the server check certificates as ``plan`` says; a second time nothing changes.

    ``names`` must all be in the server certificate. Edits by hand inside our blocks are only lost
    with ``overwrite_edits``. Raises PgwardError, with everything as it was before.
    """
    with exclusive(host) as recovered:
        with host.looking():
            check_before(host, plan)
            said = tuple(warnings(host.data_dir, plan))
            edits = plan_contents(host.data_dir, plan).edits
            if not overwrite_edits:
                check_by_hand(edits)
            effect = effect_of(host.data_dir, edits)
        checks = Checks(
            lambda: check_after(host.data_dir, plan), lambda running: prove_refusal(plan, running)
        )
        material, away = newest(host, source, now)
        material.check_names(names)
        outcome = _settle(host, material, edits, checks, now=now, what=f"apply: {plan.words}")
    return replace(outcome, recovered=recovered, away=away, warnings=said, effect=effect)


def refresh(host: Host, source: CertificateSource, *, now: datetime) -> Outcome:
    """Install a renewed certificate and new CRLs, and have the server take them.

    With nothing new, a server that presents our certificate is left in peace. It does not matter
    whether pg_hba.conf is broken: then it is told, but everyone would be locked out without lists.
    """
    with exclusive(host) as recovered:
        if host.generations.load() is None:
            raise PgwardError(
                f"{host.state_dir} holds no certificate to refresh", hint="run pgward hba apply"
            )
        material, away = newest(host, source, now)
        same = host.generations.load() == material and not recovered
        if same and host.presents(material):
            return Outcome(material, changed=False, running=True, took=True, away=away)
        used = host.in_use()
        if same and not used:
            running = host.data_dir.running() is not None
            return Outcome(
                material, changed=False, running=running, took=None, away=away, warnings=(_UNUSED,)
            )
        outcome = _settle(host, material, (), ONLY_MATERIAL, now=now, what="refresh")
        kept = "PostgreSQL goes on with the lines that it had"
        broken = tuple(f"{each}: {kept}" for each in host.file_errors(host.data_dir.running()))
    said = broken if used else (*broken, _UNUSED)
    return replace(outcome, recovered=recovered, away=away, warnings=said)


def newest(host: Host, source: CertificateSource, now: datetime) -> tuple[Material, str | None]:
    """Return the CA's material; or the installed one while it holds, and why the CA gave none."""
    try:
        material = source.current()
    except UnavailableError as error:
        installed = host.generations.load()
        if installed is None or installed.time_left(now) <= timedelta(0):
            raise
        return installed, error.message
    material.check(now)
    check_successor(material, host.generations.load())
    _check_there(material, host, now)
    return material, None


def _check_there(material: Material, host: Host, now: datetime) -> None:
    """Raise MaterialError when it does not hold by the clock of the server's machine."""
    ahead = host.data_dir.access.ahead
    if ahead:
        try:
            material.check(now + ahead)
        except MaterialError as error:
            raise MaterialError(
                f"by the clock of the server's machine, which is {_apart(ahead)}: {error.message}",
                hint="set that clock right first; nothing was changed",
            ) from error


def _apart(ahead: timedelta) -> str:
    return f"{abs(ahead)} {'ahead' if ahead > timedelta() else 'behind'}"


def prove_refusal(plan: Plan, running: Running) -> None:
    """See that a connection over TLS without a certificate is refused; PgwardError if not.

    Does nothing where the plan does not cover a connection from this machine.
    """
    role, database = _sample(plan.roles, _PROBE_ROLE), _sample(plan.databases, "postgres")
    if running.host is None or "all" not in plan.addresses or not role or not database:
        return
    answer = probe.without_certificate(
        running.host, running.port, role, database, dial=running.access.dial
    )
    if not answer.refused:
        raise PgwardError(
            "PostgreSQL does not refuse a connection without a certificate, so all was put back: "
            f"{answer.message}",
            hint="look for what stands before pgward's block in pg_hba.conf",
        )


def _settle(
    host: Host,
    material: Material,
    edits: tuple[Edit, ...],
    checks: Checks,
    *,
    now: datetime,
    what: str,
) -> Outcome:
    """Change what differs; where nothing does, only see that the server has it."""
    generation = host.generations.current()
    if host.generations.load() != material:
        generation = host.generations.write(material, now)
    change = Change(
        host.state_dir,
        host.generations,
        host.data_dir.disk,
        generation=generation,
        edits=edits,
        now=now,
        what=what,
    )
    changed = change.needed
    took = host.carry_out(change, material, checks) if changed else host.load(material, checks)
    running = host.data_dir.running() is not None
    return Outcome(material, changed, running, took)


def _sample(words: tuple[str, ...], anything: str) -> str | None:
    """Return a name that the words cover, or None when only a group does."""
    if "all" in words:
        return anything
    return next((w for w in words if not w.startswith("+") and not w.startswith("same")), None)
