"""A device's posture: what it says of itself, and whether that is what a rule wants.

Nothing in it is verified: it catches the forgotten laptop, not the attacker.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

UNKNOWN = "unknown"
ANY_VERSION = "any"
_VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,5}")
_WHAT = {
    "disk_encrypted": ("the disk is not encrypted", "whether the disk is encrypted is not known"),
    "screen_lock": (
        "the screen does not lock itself",
        "whether the screen locks itself is not known",
    ),
    "firewall": ("no firewall is on", "whether a firewall is on is not known"),
}
SWITCHES = tuple(_WHAT)


def _shown(text: str) -> str:
    """Leave out what could disguise the text where it is shown."""
    return "".join(letter for letter in text if letter.isprintable())


_Text = Annotated[str, Field(max_length=200), AfterValidator(_shown)]


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Switch(_Report):
    """Something that is on or off, and how the device found that out."""

    value: bool | Literal["unknown"]
    how: _Text = ""


class Age(_Report):
    """A number of days, and how the device found that out."""

    value: Annotated[int, Field(ge=0, le=100_000)] | Literal["unknown"]
    how: _Text = ""


class PostureReport(_Report):
    """What a device says of itself; what it leaves out is unknown."""

    os: Literal["linux", "macos", "windows", "other"]
    os_name: _Text = ""
    os_version: _Text = ""
    kernel: _Text = ""
    disk_encrypted: Switch = Switch(value="unknown")
    screen_lock: Switch = Switch(value="unknown")
    firewall: Switch = Switch(value="unknown")
    updates_age_days: Age = Age(value="unknown")


@dataclass(frozen=True, slots=True)
class PostureRules:
    """What a rule wants of a device; ``os_versions`` are the least ones, by name of the system.

    A name is a family (linux, macos, windows) or how the system's own name begins; the longest
    that fits counts, and a system that none fits is refused.
    """

    required: tuple[str, ...] = ()
    updates_within_days: int | None = None
    os_versions: tuple[tuple[str, str], ...] = ()
    allow_unknown: bool = False


def problems(rules: PostureRules, report: Mapping[str, Any] | None) -> list[str]:
    """Return what is wrong with a device, as its owner is told; nothing when all is well."""
    report = report or {}
    found = [_switch(name, report) for name in rules.required]
    if rules.updates_within_days is not None:
        found.append(_updates(rules.updates_within_days, report))
    if rules.os_versions:
        found.append(_system(rules.os_versions, report))
    return [text for known, text in found if text and (known or not rules.allow_unknown)]


def is_version(text: str) -> bool:
    """Tell whether it can be compared: numbers with dots between them."""
    return _VERSION.fullmatch(text) is not None


_Finding = tuple[bool, str]  # whether it is known, and what is wrong, if anything is


def _switch(name: str, report: Mapping[str, Any]) -> _Finding:
    value = _value(name, report)
    off, unknown = _WHAT[name]
    return (False, unknown) if value == UNKNOWN else (True, "" if value else off)


def _updates(most: int, report: Mapping[str, Any]) -> _Finding:
    days = _value("updates_age_days", report)
    if days == UNKNOWN:
        return False, "when it was last updated is not known"
    return True, "" if days <= most else f"it was last updated {days} days ago, not within {most}"


def _system(wanted: Iterable[tuple[str, str]], report: Mapping[str, Any]) -> _Finding:
    family, name = report.get("os", UNKNOWN), str(report.get("os_name", ""))
    if family == UNKNOWN:
        return False, "its operating system is not known"
    fitting = [
        (key, least)
        for key, least in wanted
        if key.lower() == family or name.lower().startswith(key.lower())
    ]
    if not fitting:
        return True, f"its operating system {name or family} is not one of those allowed"
    key, least = max(fitting, key=lambda each: len(each[0]) if each[0].lower() != family else 0)
    if least == ANY_VERSION:
        return True, ""
    match = _VERSION.match(str(report.get("os_version", "")))
    if match is None:
        return False, f"the version of its {key} is not known"
    older = _is_older(match[0], least)
    return True, f"its {key} is {match[0]}, older than {least}" if older else ""


def _is_older(version: str, least: str) -> bool:
    pairs = zip_longest(
        (int(part) for part in version.split(".")),
        (int(part) for part in least.split(".")),
        fillvalue=0,
    )
    mine, theirs = zip(*pairs, strict=True)
    return mine < theirs


def _value(name: str, report: Mapping[str, Any]) -> Any:
    fact = report.get(name) or {}
    return fact.get("value", UNKNOWN)
