"""Telling a person something on their desktop, whichever it is. No desktop: the log only.

What is told is passed as arguments, environment or escaped text, never as a part of a program:
names come from services and edges.
"""

import html
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pgward.system.terminal import clean
from pgward.tunnel.agent.notices import Notice

log = logging.getLogger("pgward.agent")

SECONDS = 5.0


class Notifier(Protocol):
    """Tells a person something; says True when it was shown, and never raises."""

    def tell(self, notice: Notice) -> bool:
        """Show it; may take ``SECONDS``."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: its arguments, what its environment has besides, and its input."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    stdin: str = ""


def notify_send(notice: Notice) -> Command:
    """Libnotify's program; bodies may have markup (Desktop Notifications Specification, 1.2)."""
    urgency = "critical" if notice.urgent else "normal"
    return Command(
        (
            *("notify-send", "--app-name=pgward", "--icon=dialog-password"),
            *(f"--urgency={urgency}", "--", notice.title, html.escape(notice.body, quote=False)),
        ),
        {},
    )


def gdbus(notice: Notice) -> Command:
    """Use glib's program, which reads values as GVariant text."""
    urgency = 2 if notice.urgent else 1
    values = (
        *(_variant("pgward"), "uint32 0", _variant("dialog-password"), _variant(notice.title)),
        *(_variant(html.escape(notice.body, quote=False)), "@as []"),
        *(f"{{'urgency': <byte {urgency}>}}", "int32 -1"),
    )
    destination = "org.freedesktop.Notifications"
    return Command(
        (
            *("gdbus", "call", "--session", "--dest", destination),
            *("--object-path", "/org/freedesktop/Notifications"),
            *("--method", f"{destination}.Notify", "--", *values),
        ),
        {},
    )


def osascript(notice: Notice) -> Command:
    """Use the macOS program; the texts are arguments of its script."""
    lines = (
        "on run argv",
        "display notification (item 2 of argv) with title (item 1 of argv)",
        "end run",
    )
    script = tuple(word for line in lines for word in ("-e", line))
    return Command(("osascript", *script, "--", notice.title, notice.body), {})


def powershell(notice: Notice) -> Command:
    """Show a Windows toast; the texts come by the environment, and as text nodes into its XML."""
    script = """\
$manager = [Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, \
ContentType = WindowsRuntime]
$xml = $manager::GetTemplateContent([Windows.UI.Notifications.ToastTemplateType]::ToastText02)
$texts = $xml.GetElementsByTagName('text')
[void]$texts.Item(0).AppendChild($xml.CreateTextNode($env:PGWARD_NOTICE_TITLE))
[void]$texts.Item(1).AppendChild($xml.CreateTextNode($env:PGWARD_NOTICE_BODY))
$toast = [Windows.UI.Notifications.ToastNotification]::new($xml)
$manager::CreateToastNotifier('pgward').Show($toast)
"""
    texts = {"PGWARD_NOTICE_TITLE": notice.title, "PGWARD_NOTICE_BODY": notice.body}
    return Command(
        ("powershell", "-NoProfile", "-NonInteractive", "-Command", "-"), texts, stdin=script
    )


_FREEDESKTOP = (notify_send, gdbus)


class DesktopNotifier:
    """Runs the first program of this desktop that is there and works."""

    def tell(self, notice: Notice) -> bool:
        """Show it, if there is a desktop."""
        shown = Notice(clean(notice.title), clean(notice.body), notice.urgent)
        log.info("notice: %s: %s", shown.title, shown.body)
        return any(_run(way(shown)) for way in _ways())


def _ways() -> tuple["Way", ...]:
    if sys.platform == "darwin":
        return (osascript,)
    if sys.platform == "win32":
        return (powershell,)
    return _FREEDESKTOP if _has_bus() else ()


class Way(Protocol):
    """Makes the command that shows a notice."""

    def __call__(self, notice: Notice) -> Command:
        """Return the command."""
        ...


def _has_bus() -> bool:
    """Tell whether there can be a desktop: without its bus the programs would start one."""
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return runtime is not None and os.path.exists(f"{runtime}/bus")  # noqa: PTH110 - one look


def _run(command: Command) -> bool:
    program = shutil.which(command.argv[0])
    if program is None:
        return False
    try:
        done = subprocess.run(
            [program, *command.argv[1:]],
            input=command.stdin.encode(),
            env={**os.environ, **command.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        log.info("%s did not show it: %s", command.argv[0], type(error).__name__)
        return False
    return done.returncode == 0


def _variant(text: str) -> str:
    # JSON's escapes are among those of GVariant text, and so are its quotation marks.
    return json.dumps(text, ensure_ascii=False)
