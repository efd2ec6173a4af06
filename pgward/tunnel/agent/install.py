"""Having the agent begin when its person logs in: what to write, and whom to tell."""

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgward.core.errors import InvalidInputError, PgwardError, UnavailableError
from pgward.system.files import StorageError, atomic_write, storage_errors
from pgward.tunnel.agent import launchd, systemd, windows

SECONDS = 60.0
_COMMAND = ("-m", "pgward", "agent", "run")


@dataclass(frozen=True, slots=True)
class Plan:
    """A file, the commands that put it into force, and those that take it back.

    ``usable`` is a command that works where the service manager runs, and ``hint`` what to do
    where it does not.
    """

    path: Path
    data: bytes
    usable: tuple[str, ...]
    enable: tuple[tuple[str, ...], ...]
    disable: tuple[tuple[str, ...], ...]
    missing: str
    hint: str

    @property
    def text(self) -> str:
        """The file as people read it."""
        return self.data.decode("utf-16" if self.data[:2] in _MARKS else "utf-8")


_MARKS = (b"\xff\xfe", b"\xfe\xff")


def plan(platform: str, environment: Mapping[str, str], user_home: Path) -> Plan:
    """Return what to do on a ``sys.platform``; ``environment`` is the process's.

    Raises InvalidInputError for a path that the service manager's file cannot hold.
    """
    try:
        return _plan(platform, environment, user_home)
    except ValueError as error:
        raise InvalidInputError(str(error), hint="set PGWARD_HOME to a plain path") from error


def _plan(platform: str, environment: Mapping[str, str], user_home: Path) -> Plan:
    command = (sys.executable, *_COMMAND)
    kept = {"PGWARD_HOME": str(_absolute(environment))} if "PGWARD_HOME" in environment else {}
    if platform == "darwin":
        return _launchd((*command, "--log-file"), kept, user_home)
    if platform == "win32":
        return _windows((*command, "--log-file"), user_home)
    return _systemd(command, kept, environment, user_home)


def _absolute(environment: Mapping[str, str]) -> Path:
    return Path(environment["PGWARD_HOME"]).expanduser().absolute()


def _systemd(
    command: Sequence[str], kept: Mapping[str, str], environment: Mapping[str, str], home: Path
) -> Plan:
    configuration = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    control = ("systemctl", "--user")
    return Plan(
        configuration / "systemd" / "user" / systemd.NAME,
        systemd.unit(command, kept).encode(),
        usable=(*control, "show-environment"),
        enable=((*control, "daemon-reload"), (*control, "enable", "--now", systemd.NAME)),
        disable=((*control, "disable", "--now", systemd.NAME),),
        missing="no systemd user manager runs for you here",
        hint="pgward agent start; where systemd runs: loginctl enable-linger, and log in again",
    )


def _launchd(command: Sequence[str], kept: Mapping[str, str], home: Path) -> Plan:
    path = home / "Library" / "LaunchAgents" / launchd.FILE
    domain = f"gui/{os.getuid()}"
    return Plan(
        path,
        launchd.job(command, kept).encode(),
        usable=("launchctl", "print", domain),
        enable=(("launchctl", "bootstrap", domain, str(path)),),
        disable=(("launchctl", "bootout", f"{domain}/{launchd.LABEL}"),),
        missing="launchd has no session of yours here",
        hint="pgward agent start; or log in on the desktop and try again",
    )


def _windows(command: Sequence[str], home: Path) -> Plan:
    path = home / "AppData" / "Local" / "pgward" / f"{windows.NAME}.xml"
    name = ("/TN", windows.NAME)
    return Plan(
        path,
        windows.task(command, getpass.getuser()).encode("utf-16"),
        usable=("schtasks", "/Query"),
        enable=(
            ("schtasks", "/Create", *name, "/XML", str(path), "/F"),
            ("schtasks", "/Run", *name),
        ),
        disable=(("schtasks", "/End", *name), ("schtasks", "/Delete", *name, "/F")),
        missing="the task scheduler does not answer",
        hint="pgward agent start",
    )


def check(wanted: Plan) -> None:
    """Raise UnavailableError where no service manager runs for this person."""
    if not _works(wanted.usable):
        raise UnavailableError(wanted.missing, hint=wanted.hint)


def install(wanted: Plan) -> None:
    """Write the file and put it into force; raise PgwardError with what the manager said."""
    check(wanted)
    with storage_errors(wanted.path.parent, "create"):
        wanted.path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(wanted.path, wanted.data, 0o644)
    for command in wanted.enable:
        _must(command)


def uninstall(wanted: Plan) -> bool:
    """Take it back; False when it was not installed."""
    if not wanted.path.exists():
        return False
    if _works(wanted.usable):
        for command in wanted.disable:
            _must(command)
    try:
        wanted.path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot remove {wanted.path}: {error.strerror}") from error
    return True


def _works(command: Sequence[str]) -> bool:
    done = _run(command)
    return done is not None and done.returncode == 0


def _must(command: Sequence[str]) -> None:
    done = _run(command)
    if done is None or done.returncode:
        said = done.stderr.strip() if done else "it did not answer"
        raise PgwardError(f"{' '.join(command)} failed: {said}", hint="pgward agent start")


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str] | None":
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        return subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
