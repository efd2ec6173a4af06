"""Posture of Windows: BitLocker, the screen lock, the firewall's profiles, installed updates.

The registry and PowerShell's objects are asked, as the words of manage-bde and netsh are in
whatever language the system has, and manage-bde answers administrators only.
"""

import platform
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from pgward.system.posture.facts import Fact, Topic, age
from pgward.system.posture.runner import run

_POWERSHELL = ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command"]
_BITLOCKER = (
    "(New-Object -ComObject Shell.Application).NameSpace((Split-Path -Qualifier $env:USERPROFILE))"
    ".Self.ExtendedProperty('System.Volume.BitLockerProtection')"
)
_HOTFIXES = (
    "Get-HotFix | Where-Object InstalledOn | ForEach-Object"
    " { $_.InstalledOn.ToString('yyyy-MM-dd') }"
)
_DESKTOP = r"HKCU\Control Panel\Desktop"
_INACTIVITY = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
_PROFILES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
_ON, _OFF = {1, 3, 5}, {2, 4, 6, 8}  # System.Volume.BitLockerProtection
_VALUE = re.compile(r"^\s+(\w+)\s+REG_\w+\s+(\S+)\s*$", re.MULTILINE)


def name_and_version() -> tuple[str, str]:
    """Return what the system calls itself, and its version."""
    return f"Windows {platform.release()}", platform.version()


def disk_encrypted() -> Fact:
    """Tell whether BitLocker protects the volume with the profile."""
    output = run([*_POWERSHELL, _BITLOCKER])
    return parse_bitlocker(output.text if output else "")


def parse_bitlocker(text: str) -> Fact:
    """Read the number that the shell has for a volume; what is being encrypted is not yet so."""
    how = "System.Volume.BitLockerProtection"
    number = int(text) if re.fullmatch(r"\s*\d{1,2}\s*", text) else 0
    if number == 3:  # noqa: PLR2004 - encrypting
        return Fact(False, how)
    return Fact(True, how) if number in _ON else _unless(number in _OFF, how)


def screen_lock() -> Fact:
    """Tell whether the screen locks by itself."""
    desktop, inactivity = run(["reg", "query", _DESKTOP]), run(["reg", "query", _INACTIVITY])
    return parse_screen_lock(desktop.text if desktop else "", inactivity.text if inactivity else "")


def parse_screen_lock(desktop: str, inactivity: str) -> Fact:
    """Read `reg query` of the screen saver's settings, and of the company's own limit."""
    how = "registry, ScreenSaverIsSecure and InactivityTimeoutSecs"
    limit = dict(_VALUE.findall(inactivity)).get("InactivityTimeoutSecs", "0x0")
    found = dict(_VALUE.findall(desktop))
    if _number(limit):
        return Fact(True, how)
    if not found:
        return Fact.unknown(how)
    saver = ("ScreenSaveActive", "ScreenSaverIsSecure")
    return Fact(all(_number(found.get(each, "0")) == 1 for each in saver), how)


def firewall() -> Fact:
    """Tell whether the firewall is on for every kind of network."""
    output = run(["reg", "query", _PROFILES, "/s", "/v", "EnableFirewall"])
    return parse_firewall(output.text if output else "")


def parse_firewall(text: str) -> Fact:
    """Read `reg query … EnableFirewall`: one value for each of three profiles."""
    how = "registry, EnableFirewall of each profile"
    profiles = re.findall(
        r"\\(\w+Profile)\s*\r?\n\s+EnableFirewall\s+REG_DWORD\s+(\S+)", text, re.MULTILINE
    )
    if not profiles:
        return Fact.unknown(how)
    return Fact(all(_number(value) == 1 for _, value in profiles), how)


def updates_age_days() -> Fact:
    """Return how many days ago an update was last installed."""
    output = run([*_POWERSHELL, _HOTFIXES])
    return parse_hotfixes(output.text if output else "", datetime.now(UTC).date())


def parse_hotfixes(text: str, today: date) -> Fact:
    """Read one date a line."""
    days = []
    for word in text.split():
        try:
            days.append(date.fromisoformat(word))
        except ValueError:
            continue
    return age(max(days, default=None), today, "Get-HotFix")


def _unless(no: bool, how: str) -> Fact:
    return Fact(False, how) if no else Fact.unknown(how)


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return 0


PROBES: Mapping[Topic, Callable[[], Fact]] = {
    "disk_encrypted": disk_encrypted,
    "screen_lock": screen_lock,
    "firewall": firewall,
    "updates_age_days": updates_age_days,
}
