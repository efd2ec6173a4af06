"""Posture of macOS: FileVault, the screen lock, the application firewall, software updates."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from pgward.system.posture.facts import Fact, Topic, age
from pgward.system.posture.runner import run

_FIREWALL = "/usr/libexec/ApplicationFirewall/socketfilterfw"
_UPDATES = "/Library/Preferences/com.apple.SoftwareUpdate"


def name_and_version() -> tuple[str, str]:
    """Return what the system calls itself, and its version."""
    output = run(["sw_vers"])
    return parse_sw_vers(output.text if output else "")


def parse_sw_vers(text: str) -> tuple[str, str]:
    """Read `sw_vers`."""
    fields = dict(re.findall(r"^(\w+):\s*(.*?)\s*$", text, re.MULTILINE))
    return fields.get("ProductName", "macOS"), fields.get("ProductVersion", "")


def disk_encrypted() -> Fact:
    """Tell whether FileVault is on."""
    output = run(["fdesetup", "status"])
    return parse_fdesetup(output.text if output else "")


def parse_fdesetup(text: str) -> Fact:
    """Read `fdesetup status`."""
    how = "fdesetup status"
    if "FileVault is On" in text:
        # "Encryption in progress" and "Decryption in progress" come on a line of their own.
        return Fact("in progress" not in text, how)
    return Fact(False, how) if "FileVault is Off" in text else Fact.unknown(how)


def screen_lock() -> Fact:
    """Tell whether the screen locks by itself."""
    output = run(["sysadminctl", "-screenLock", "status"])
    return parse_screen_lock(output.text if output else "")


def parse_screen_lock(text: str) -> Fact:
    """Read `sysadminctl -screenLock status`, which writes a log line."""
    how = "sysadminctl -screenLock status"
    if re.search(r"screenLock delay is (immediate|\d+ seconds)", text):
        return Fact(True, how)
    return Fact(False, how) if "screenLock is off" in text else Fact.unknown(how)


def firewall() -> Fact:
    """Tell whether the application firewall is on."""
    output = run([_FIREWALL, "--getglobalstate"])
    return parse_firewall(output.text if output else "")


def parse_firewall(text: str) -> Fact:
    """Read `socketfilterfw --getglobalstate`."""
    how = "socketfilterfw --getglobalstate"
    match = re.search(r"State = (\d)", text)
    if match:
        return Fact(match[1] != "0", how)
    if "is enabled" in text or "is disabled" in text:
        return Fact("is enabled" in text, how)
    return Fact.unknown(how)


def updates_age_days() -> Fact:
    """Return how many days ago the system last looked for updates with success."""
    # `softwareupdate --history` takes seconds.
    output = run(["defaults", "read", _UPDATES, "LastSuccessfulDate"])
    return parse_last_update(output.text if output else "", datetime.now(UTC).date())


def parse_last_update(text: str, today: date) -> Fact:
    """Read a date as `defaults` writes it."""
    match = re.match(r"(\d{4}-\d\d-\d\d) \d\d:\d\d:\d\d", text.strip())
    try:
        day = date.fromisoformat(match[1]) if match else None
    except ValueError:
        day = None
    return age(day, today, "com.apple.SoftwareUpdate, LastSuccessfulDate")


PROBES: Mapping[Topic, Callable[[], Fact]] = {
    "disk_encrypted": disk_encrypted,
    "screen_lock": screen_lock,
    "firewall": firewall,
    "updates_age_days": updates_age_days,
}
