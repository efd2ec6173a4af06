"""``pgward agent start | stop | status | run``; installing is in ``install_commands``."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import click

from pgward.client import options
from pgward.core.errors import PgwardError, UnavailableError
from pgward.system import service_manager, terminal
from pgward.system.files import private_dir
from pgward.system.paths import pgward_home
from pgward.system.process import ProcessId, detach, notify_failed, notify_ready
from pgward.system.secrecy import keep_secrets
from pgward.tunnel.agent import client, logs
from pgward.tunnel.agent.notify import DesktopNotifier
from pgward.tunnel.agent.process import Agent, pid_path
from pgward.tunnel.loop import run as run_loop

STOP_SECONDS = 15.0


@click.command()
@click.option("--foreground", is_flag=True, help="Stay in the foreground, as pgward agent run.")
def start(foreground: bool) -> None:
    """Start the agent, which holds tunnels and renews, in the background.

    Tunnels that were open when it ended are opened again. It may start before you log in.
    """
    home = pgward_home()
    if foreground:
        _serve(home)
        return
    if _told_to_run(home):
        return
    directory = private_dir(private_dir(home) / "run")
    arguments = [sys.executable, "-m", "pgward", "agent", "run", "--log-file"]
    detach(arguments, log=directory / "agent.log", env={"PGWARD_HOME": str(home)})
    answer = client.ask(home, "status")
    terminal.report(new=True, pid=answer["pid"], logged_in=answer["login"]["logged_in"])
    terminal.note(f"the agent runs (pid {answer['pid']}): pgward connect and psql use it")
    if not answer["login"]["logged_in"]:
        terminal.note("it waits for a login: pgward login")


def _told_to_run(home: Path) -> bool:
    there = client.running(home)
    if there is None:
        return False
    terminal.report(new=False, pid=there["pid"])
    terminal.note(f"the agent runs already (pid {there['pid']})")
    return True


@click.command()
@click.option("--log-file", is_flag=True, help="Log to run/agent.log of PGWARD_HOME.")
def run(log_file: bool) -> None:
    """Run the agent in the foreground, for a service manager; it logs to stderr.

    Tells systemd when it is ready. SIGTERM and Ctrl-C end it.
    """
    _serve(pgward_home(), log_file=log_file)


def _serve(home: Path, *, log_file: bool = False) -> None:
    keep_secrets()
    try:
        if log_file:
            logs.to_file(private_dir(private_dir(home) / "run") / "agent.log")
        else:
            logs.to_stderr()
        run_loop(_main(home))
    except PgwardError as error:
        notify_failed(error)
        raise


async def _main(home: Path) -> None:
    loop = asyncio.get_running_loop()
    agent = Agent(home, DesktopNotifier())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, agent.stop.set)

    def ready() -> None:
        notify_ready()
        service_manager.tell("READY=1")

    try:
        await agent.run(ready)
    finally:
        service_manager.tell("STOPPING=1")


@click.command()
def stop() -> None:
    """Stop the agent, and with it the connections through its tunnels.

    They are opened again when it starts.
    """
    home = pgward_home()
    stopped = stop_agent(home)
    terminal.report(stopped=stopped)
    if stopped:
        terminal.note("the agent is stopped; its tunnels are opened again when it starts")
    else:
        terminal.note("no agent runs")


def stop_agent(home: Path) -> bool:
    """End the agent, one that hangs as well; tell whether one ran."""
    process = _asked_to_stop(home)
    if process is None or not process.alive():
        return False
    process.stop(timeout=STOP_SECONDS)
    return True


def _asked_to_stop(home: Path) -> ProcessId | None:
    try:
        answer = client.ask(home, "stop")
    except client.AgentAwayError:
        return None
    except UnavailableError:
        return _known(home)
    return ProcessId(int(answer["pid"]), float(answer["started"]))


def _known(home: Path) -> ProcessId | None:
    try:
        fields = json.loads(pid_path(home).read_bytes())
        return ProcessId(int(fields["pid"]), float(fields["started"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


_TITLES = {
    "agent": "agent",
    "login": "login",
    "certificate": "certificate",
    "tunnels": "tunnels",
    "problem": "problem",
}


@click.command()
@options.output
def status(output: str) -> None:
    """Show whether the agent runs, its login, and its tunnels.

    Asks the CA whether the login still counts. Exit status 1 when none runs.
    """
    home = pgward_home()
    try:
        answer = client.ask(home, "status", check=True)
    except client.AgentAwayError as error:
        if output != "table":
            terminal.structured({"running": False}, output)
            sys.exit(error.exit_code)
        raise
    if output != "table":
        terminal.structured({"running": True, **answer}, output)
        return
    terminal.record(_for_people(answer), _TITLES)


def _for_people(answer: dict[str, Any]) -> dict[str, Any]:
    login = answer["login"]
    state = f"{login['user']}, until {login.get('session_expires_at')}" if login["user"] else None
    if state is not None and not login["logged_in"]:
        state = f"{state}: over, pgward login"
    return {
        "agent": f"runs since {answer['started_at']} (pid {answer['pid']})",
        "login": state or "none: pgward login",
        "certificate": _certificate(login),
        "tunnels": [_tunnel(each) for each in answer["tunnels"]],
        "problem": login.get("problem"),
    }


def _certificate(login: dict[str, Any]) -> str | None:
    ends = login.get("certificate_expires_at")
    return f"until {ends}" if ends else None


def _tunnel(row: dict[str, Any]) -> str:
    if row["address"] is None:
        return f"{row['service']} waits ({row['problem']})"
    return f"{row['service']} at {row['address']}"
