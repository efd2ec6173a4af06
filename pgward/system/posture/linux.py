"""Posture of Linux: what /sys, the desktop's settings and the package manager's logs say."""

import configparser
import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import psutil

from pgward.system.posture.facts import Fact, Topic, age
from pgward.system.posture.runner import read, run

_SYS, _ETC, _VAR = Path("/sys"), Path("/etc"), Path("/var")
_CRYPT = "CRYPT-"
_DEEPEST = 10
_FIREWALLS = ("ufw", "firewalld", "nftables", "iptables")
_APT_END = re.compile(r"^End-Date: (\d{4}-\d\d-\d\d)", re.MULTILINE)
_PACMAN = re.compile(r"^\[(\d{4}-\d\d-\d\d)[^]]*\] \[ALPM\] upgraded ", re.MULTILINE)
# Without a log, these at least change when packages do.
_DATABASES = ("lib/dpkg/status", "lib/rpm/rpmdb.sqlite", "lib/pacman/local")


def name_and_version() -> tuple[str, str]:
    """Return what the distribution calls itself, and its version."""
    return parse_os_release(read(_ETC / "os-release") or "")


def parse_os_release(text: str) -> tuple[str, str]:
    """Read os-release(5)."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            fields[key.strip()] = _unquoted(value)
    version = fields.get("VERSION_ID") or fields.get("BUILD_ID") or ""
    return fields.get("PRETTY_NAME") or fields.get("NAME") or "Linux", version


def disk_encrypted() -> Fact:
    """Tell whether the volume with the home directory is on dm-crypt (LUKS) or eCryptfs."""
    home = Path.home()
    mounts = {each.mountpoint: (each.device, each.fstype) for each in psutil.disk_partitions(True)}
    mount = next((path for path in (home, *home.parents) if str(path) in mounts), None)
    device, kind = mounts.get(str(mount), ("", ""))
    if kind == "ecryptfs":
        return Fact(True, "the home directory is on eCryptfs")
    try:
        number = os.stat(device).st_rdev  # noqa: PTH116 - a device's name, not a path of ours
    except OSError:
        return Fact.unknown(f"the home directory is on {kind or 'something'} without a device")
    node = _SYS / "dev/block" / f"{os.major(number)}:{os.minor(number)}"
    return Fact(on_crypt(node), f"{device}, by dm/uuid in /sys")


def on_crypt(node: Path, depth: int = 0) -> bool | None:
    """Tell whether a block device of /sys, or all that it stands on, is dm-crypt."""
    if not node.is_dir() or depth > _DEEPEST:
        return None
    if (read(node / "dm/uuid") or "").startswith(_CRYPT):
        return True
    below = sorted((node / "slaves").glob("*"))
    found = [on_crypt(each.resolve(), depth + 1) for each in below]
    if None in found:
        return None
    return bool(found) and all(found)


def screen_lock() -> Fact:
    """Tell whether the desktop locks the screen by itself."""
    desktop = os.environ.get("XDG_CURRENT_DESKTOP", "").upper()
    if not desktop:
        return Fact.unknown("no desktop runs here")
    if "KDE" in desktop:
        config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return parse_kde(read(config / "kscreenlockerrc") or "")
    enabled = run(["gsettings", "get", "org.gnome.desktop.screensaver", "lock-enabled"])
    delay = run(["gsettings", "get", "org.gnome.desktop.session", "idle-delay"])
    return parse_gsettings(enabled.text if enabled else "", delay.text if delay else "")


def parse_gsettings(enabled: str, delay: str) -> Fact:
    """Read GNOME's two settings: whether it locks, and after how many seconds (0 is never)."""
    how = "gsettings, lock-enabled and idle-delay"
    if enabled.strip() not in ("true", "false"):
        return Fact.unknown(how)
    never = re.fullmatch(r"(uint32 )?0", delay.strip()) is not None
    return Fact(enabled.strip() == "true" and not never, how)


def parse_kde(text: str) -> Fact:
    """Read kscreenlockerrc; what it leaves out is on."""
    how = "kscreenlockerrc, Autolock"
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(text)
        value = parser.getboolean("Daemon", "Autolock", fallback=True)
    except (configparser.Error, ValueError):
        return Fact.unknown(how)
    return Fact(value, how)


def firewall() -> Fact:
    """Tell whether a firewall is on, as far as one may see without being root."""
    if "yes" in re.findall(r"^ENABLED=(\w+)", read(_ETC / "ufw/ufw.conf") or "", re.MULTILINE):
        return Fact(True, "ENABLED=yes in ufw.conf")
    rules = run(["nft", "list", "ruleset"]) if os.geteuid() == 0 else None
    if rules is not None and rules.status == 0:
        return Fact(nft_filters(rules.text), "nft list ruleset")
    states = run(["systemctl", "is-active", *_FIREWALLS])
    return parse_is_active(states.text if states else "")


def nft_filters(text: str) -> bool:
    """Tell whether a chain for what comes in drops or rejects anything."""
    for chain in re.findall(r"chain [^{]*\{([^}]*(?:\{[^}]*\}[^}]*)*)\}", text):
        if "hook input" in chain and re.search(r"\b(drop|reject)\b", chain):
            return True
    return False


def parse_is_active(text: str) -> Fact:
    """Read `systemctl is-active` of the firewalls that we know."""
    lines = text.split()
    if len(lines) != len(_FIREWALLS):
        return Fact.unknown("systemctl does not say")
    active = [name for name, state in zip(_FIREWALLS, lines, strict=True) if state == "active"]
    if active:
        return Fact(True, f"systemctl: {active[0]} is active")
    return Fact(False, f"systemctl: none of {', '.join(_FIREWALLS)} is active")


def updates_age_days() -> Fact:
    """Return how many days ago packages were last updated."""
    today = datetime.now(UTC).date()
    logged = [
        parse_apt_history(read(_VAR / "log/apt/history.log") or ""),
        parse_pacman_log(read(_VAR / "log/pacman.log") or ""),
        *_changed([_VAR / "lib/apt/periodic/upgrade-stamp"]),
    ]
    known = [day for day in logged if day is not None]
    if known:
        return age(max(known), today, "the package manager's log")
    changed = [day for day in _changed(_VAR / each for each in _DATABASES) if day is not None]
    return age(max(changed, default=None), today, "the last change of packages")


def parse_apt_history(text: str) -> date | None:
    """Return the day of the last run that upgraded anything: installing alone is no update."""
    for run_of_apt in reversed(text.split("\n\n")):
        match = _APT_END.search(run_of_apt)
        if match and re.search(r"^Upgrade: ", run_of_apt, re.MULTILINE):
            return _date(match[1])
    return None


def parse_pacman_log(text: str) -> date | None:
    """Return the day of the last line that says that a package was upgraded."""
    found = _PACMAN.findall(text)
    return _date(found[-1]) if found else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _changed(paths: Iterable[Path]) -> Iterable[date | None]:
    for path in paths:
        try:
            yield datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
        except (OSError, OverflowError, ValueError):
            yield None


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value.strip("\"'")


PROBES: Mapping[Topic, Callable[[], Fact]] = {
    "disk_encrypted": disk_encrypted,
    "screen_lock": screen_lock,
    "firewall": firewall,
    "updates_age_days": updates_age_days,
}
