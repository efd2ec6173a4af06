"""``pgward hba agent``: joins the duties of a database host in one process."""

import logging
import os
import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import click

from pgward.client import options
from pgward.client.machine import Machine
from pgward.client.spool import Spool
from pgward.core.address import Address
from pgward.core.clock import Clock, SystemClock
from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError
from pgward.hba.agent import process
from pgward.hba.agent.alarm import Alarms
from pgward.hba.agent.duty import Duty
from pgward.hba.agent.ending import Ending
from pgward.hba.agent.log_events import LiveCertificates, LogEvents
from pgward.hba.agent.material import Keeping, Lists
from pgward.hba.agent.news import News
from pgward.hba.agent.place import Place
from pgward.hba.agent.report import BY_PERSON, BY_SERIAL, Report
from pgward.hba.agent.role_sync import RoleSync
from pgward.hba.agent.runner import Runner
from pgward.hba.agent.sql import FIRST_WITH_SERIAL, Sessions, check_driver
from pgward.hba.agent.standings import Standings
from pgward.hba.host_options import OpenHost, host_options
from pgward.hba.install.host import Host
from pgward.hba.install.source import MachineSource
from pgward.hba.roles.asking import Asking
from pgward.system import log_lines, terminal
from pgward.system.files import StorageError, storage_errors
from pgward.system.health_server import HealthServer, StatusSocket, ask
from pgward.system.secrecy import keep_secrets

log = logging.getLogger("pgward.hba")

MOST_SPOOLED = 256 * 1024 * 1024
_MAX_TOKEN = 8192
_SOCKET = "agent.sock"
_STATUS = {
    "host": "host",
    "pid": "pid",
    "connected": "hears the CA",
    "ends_by": "ends sessions by",
    "sessions_ended": "sessions ended",
    "refuses_at": "refuses everyone at",
    "alarm_step": "alarm step",
    "events_waiting_bytes": "events waiting, bytes",
}


@click.command()
@host_options
@click.option("--token-file", metavar="FILE",
              help="Join token of `pgward ca token host`, needed once; - is stdin.")  # fmt: skip
@click.option("--end-at-expiry", is_flag=True,
              help="Also end sessions whose certificate has expired.")  # fmt: skip
@click.option("--alarm-command", metavar="PROGRAM",
              help="Run when everyone is about to be refused; PGWARD_ALARM_* is set.")  # fmt: skip
@click.option("--log-file", type=click.Path(path_type=Path, readable=False), metavar="FILE",
              help="What the server's stderr goes to, if it collects no log.")  # fmt: skip
@click.option("--health", metavar="HOST:PORT",
              help="Answer /healthz, /readyz and /metrics there; port 0 picks one.")  # fmt: skip
@click.option("--once", is_flag=True, help="Do one round and end; for cron.")
@click.option("--status", is_flag=True, help="Tell how the agent fares that runs.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning"]), default="info",
              show_default=True, help="How much to say on standard error.")  # fmt: skip
@options.output
def agent(
    *,
    open_host: OpenHost,
    token_file: str | None,
    end_at_expiry: bool,
    alarm_command: str | None,
    log_file: Path | None,
    health: str | None,
    once: bool,
    status: bool,
    log_level: str,
    output: str,
) -> None:
    """Keep a PostgreSQL server's certificate and revocation lists, and end revoked sessions.

    Run it on the database host, as the account of the server (root becomes that account). It hears
    of a revocation at once, and ends the sessions that began with the certificate.
    """
    host = open_host()
    if status:
        missing = NotFoundError("no agent runs for this data directory", hint="pgward hba agent")
        _show_status(ask(host.state_dir / _SOCKET, missing=missing), output)
        return
    check_driver()
    token = None if token_file is None else _read_token(token_file)
    _prepare(log_level)
    process.become(host.data_dir.owner)
    host.data_dir.disk.make_dir(host.state_dir)
    with ExitStack() as held:
        place = process.alone(host, held)
        machine = _enrolled(host, token, SystemClock().now())
        made = _Made(
            host,
            machine,
            place,
            end_at_expiry=end_at_expiry,
            alarm_command=alarm_command,
            log_file=log_file,
        )
        _tell_limits(host)
        if once:
            _tell_once(made.agent.once(), output)
            return
        address = _serve_status(host, made, health, held)
        made.agent.run(lambda: _ready(host, address))


def _read_token(name: str) -> str:
    if name == "-":
        return terminal.read_stdin_line().strip()
    with storage_errors(Path(name), "read"), Path(name).open("rb") as file:
        return file.read(_MAX_TOKEN).decode("ascii", "replace").strip()


def _prepare(log_level: str) -> None:
    keep_secrets()
    log_lines.set_up(log_level)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    process.without_libpq_variables()


def _tell_limits(host: Host) -> None:
    if host.data_dir.able.version < FIRST_WITH_SERIAL:
        log.warning(
            "PostgreSQL %d tells no serial number of a certificate: sessions end by the person and "
            "the time when they began, and one may end for another certificate of the same person",
            host.data_dir.able.version,
        )


def _enrolled(host: Host, token: str | None, now: datetime) -> Machine:
    """Return this host's identity; the CA is needed, and the token, where there is none that lasts.

    So a token that stays in the unit's options keeps no agent from starting while the CA is away.
    """
    try:
        machine = Machine.load(host.identity_dir)
    except NotFoundError:
        return _enrol(host, token)
    if token is not None and machine.not_after <= now:
        machine.close()
        return _enrol(host, token)
    return machine


def _enrol(host: Host, token: str | None) -> Machine:
    MachineSource(host.identity_dir, host.data_dir.owner, token=token).current()
    return Machine.load(host.identity_dir)


class _Made:
    """The parts of one agent, joined."""

    def __init__(
        self,
        host: Host,
        machine: Machine,
        place: Place,
        *,
        end_at_expiry: bool,
        alarm_command: str | None,
        log_file: Path | None,
    ) -> None:
        self._machine = machine
        self._version = host.data_dir.able.version
        self.clock: Clock = SystemClock()
        self.news = News(machine, lambda parts: process.wake(self.runners, parts))
        self.spool = Spool(
            host.state_dir / "spool",
            "agent",
            machine.send_events,
            adopts=True,
            most_bytes=MOST_SPOOLED,
        )
        self.runners: list[Runner] = []
        self._duties(
            host, end_at_expiry=end_at_expiry, alarm_command=alarm_command, log_file=log_file
        )
        self.agent = process.Agent(self.runners, self.news, self.spool, self.look, place.check)

    def _duties(
        self, host: Host, *, end_at_expiry: bool, alarm_command: str | None, log_file: Path | None
    ) -> None:
        name = self._machine.name
        data_dir = host.data_dir
        wake_sessions = process.named(self.runners, "sessions")
        self.keeping = Keeping(
            host,
            lambda: MachineSource(host.identity_dir, data_dir.owner, token=None),
            self.spool,
            name=name,
            pushed=lambda: self.news.connected,
            on_change=wake_sessions,
        )
        standings = Standings(
            self._machine,
            pushed=lambda: self.news.connected,
            on_change=wake_sessions,
            want=process.named(self.runners, "standings"),
            eager=end_at_expiry,
        )
        self.ending = Ending(
            Sessions(data_dir, data_dir.running, host.superuser),
            standings,
            Lists(host, lambda: self.keeping.newest),
            self.spool,
            host=name,
            end_at_expiry=end_at_expiry,
        )
        self.alarms = Alarms(
            host.generations.load,
            lambda: self.keeping.got_at,
            self.spool,
            name=name,
            command=alarm_command,
        )
        # In the order of `--once`: sessions are looked at when all is known that there is to know.
        self._join(self.keeping)
        asking = Asking()
        roles = RoleSync(
            host,
            lambda: asking.ask(self._machine),
            self.spool,
            name=name,
            skew=self._machine.skew,
        )
        self._join(roles)
        self._join(standings)
        self._join(self.ending)
        self._join(self.alarms)
        certificates = LiveCertificates(Sessions(data_dir, data_dir.running, host.superuser))
        self._join(LogEvents(host, self.spool, certificates, name=name, log_file=log_file))

    def _join(self, duty: Duty) -> None:
        self.runners.append(Runner(duty, self.clock, news=lambda: self.news.parts))

    def look(self) -> Report:
        """Report on all of it."""
        alarm = self.alarms.last
        return Report(
            host=self._machine.name,
            pid=os.getpid(),
            connected=self.news.connected,
            duties=[runner.standing() for runner in self.runners],
            sessions_ended=self.ending.ended,
            refuses_at=None if alarm is None else alarm.ends,
            alarm_step=0 if alarm is None else alarm.step,
            events_waiting_bytes=self.spool.waiting_bytes(),
            ends_by=BY_SERIAL if self._version >= FIRST_WITH_SERIAL else BY_PERSON,
        )


def _serve_status(host: Host, made: _Made, health: str | None, held: ExitStack) -> Address | None:
    try:
        held.callback(StatusSocket(host.state_dir / _SOCKET, made.look).close)
    except (InvalidInputError, StorageError) as error:  # a path too long, a disk that is full
        log.warning("--status has nobody to ask: %s", error.message)
    if health is None:
        return None
    server = HealthServer(Address.parse(health), made.look)
    held.callback(server.close)
    return server.address


def _ready(host: Host, address: Address | None) -> None:
    answers = "" if address is None else f", and answers on http://{address}"
    terminal.echo(f"the agent serves {host.data_dir.path}{answers}")
    sys.stdout.flush()


def _show_status(facts: dict[str, object], output: str) -> None:
    terminal.record(facts, _STATUS, output)
    _tell_problems(facts)


def _tell_once(report: Report, output: str) -> None:
    facts = report.facts()
    terminal.record(facts, _STATUS, output)
    _tell_problems(facts)


def _tell_problems(facts: dict[str, object]) -> None:
    found = []
    duties = facts["duties"]
    for duty in duties if isinstance(duties, list) else ():
        problems = duty["problems"] or ([] if duty["ok"] else ["its first turn is not over"])
        found += [f"{duty['name']}: {problem}" for problem in problems]
    for each in found:
        terminal.note(f"warning: {each}")
    if found:
        raise PgwardError("the host is not as it should be", hint="the warnings say why")
