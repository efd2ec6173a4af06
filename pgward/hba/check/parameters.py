"""Which values PostgreSQL takes for the settings that pgward looks at, by version.

Those are settings of logins, TLS and the log. The rules are those of ``parse_bool``,
``config_enum_lookup_by_name``, ``parse_int`` and the check hooks (src/backend/utils/misc/guc.c and
guc_tables.c; manual, section 19.1.1); every claim is compared with real servers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from pgward.hba.check.values import FIRST_WITH_STAGES, is_boolean

PROTOCOLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_FIRST_WITH_FRACTIONS = 12
_FIRST_WITHOUT_BOOLEAN = 14  # of password_encryption
_FIRST_WITH_JSON = 15
_FIRST_WITH_LARGE_LOGS = 18
_MOST = 2**31 - 1
_BLANK = " \t\n\v\f\r"
# strtol with base 0: what follows is a unit, or wrong.
_WHOLE = re.compile(rf"[{_BLANK}]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_FRACTION = re.compile(rf"[{_BLANK}]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_MILLISECOND, _SECOND, _MINUTE = Fraction(1), Fraction(1000), Fraction(60_000)
_KILOBYTE = Fraction(1024)
_TIMES = {
    "us": Fraction(1, 1000),
    "ms": _MILLISECOND,
    "s": _SECOND,
    "min": _MINUTE,
    "h": 60 * _MINUTE,
    "d": 24 * 60 * _MINUTE,
}
_SIZES = {"B": Fraction(1)} | {
    unit: _KILOBYTE**power for power, unit in enumerate(("kB", "MB", "GB", "TB"), 1)
}


class Kind(Protocol):
    """What may stand behind a setting."""

    def takes(self, value: str, version: int) -> bool:
        """Tell whether a version takes a value."""
        ...

    def wanted(self, version: int) -> str:
        """Return what a version takes, in words."""
        ...


@dataclass(frozen=True, slots=True)
class Boolean:
    """On or off, by the unique beginning of a word."""

    def takes(self, value: str, _: int) -> bool:
        """Tell whether a version takes a value."""
        return is_boolean(value)

    def wanted(self, _: int) -> str:
        """Return what a version takes, in words."""
        return "on or off"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words, whatever their case; ``also`` are taken, and not told of."""

    words: tuple[str, ...]
    also: Callable[[int], tuple[str, ...]] = lambda _: ()

    def takes(self, value: str, version: int) -> bool:
        """Tell whether a version takes a value."""
        return _lower(value) in {_lower(each) for each in (*self.words, *self.also(version))}

    def wanted(self, _: int) -> str:
        """Return what a version takes, in words."""
        return _listed(self.words)


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number from ``least`` to ``most``, in ``unit`` where it has one."""

    least: int
    most: int
    unit: str = ""
    octal: bool = False

    def takes(self, value: str, version: int) -> bool:
        """Tell whether a version takes a value."""
        number = self._read(value, version)
        return number is not None and self.least <= number <= self.most

    def wanted(self, version: int) -> str:
        """Return what a version takes, in words."""
        least, most = (
            f"0{each:o}" if self.octal else str(each) for each in (self.least, self.most)
        )
        if not self.unit:
            return f"a number from {least} to {most}"
        units = _listed(tuple(self._units(version)))
        return f"a number from {least} to {most} ({self.unit} where it has no unit; else {units})"

    def _units(self, version: int) -> dict[str, Fraction]:
        known = _TIMES if self.unit in _TIMES else _SIZES
        old = version < _FIRST_WITH_FRACTIONS
        return {name: size for name, size in known.items() if not (old and name == "us")}

    def _read(self, value: str, version: int) -> int | None:
        """Return what a value comes to, in its own unit."""
        old = version < _FIRST_WITH_FRACTIONS
        match = _WHOLE.match(value)
        if not old and (match is None or value[match.end() : match.end() + 1] in {".", "e", "E"}):
            match = _FRACTION.match(value)
            if match is None:
                return None
            number = Fraction(match[1])
        elif match is None:
            return None
        else:
            number = Fraction(int(match[1] + _base_ten(match[2])))
        unit = value[match.end() :].strip(_BLANK)
        if unit:
            sizes = self._units(version) if self.unit else {}
            if unit not in sizes:
                return None
            number *= sizes[unit] / sizes[self.unit]
        # Version 11 has whole numbers only, and cuts off what is beyond them.
        return int(number) if old else round(number)


@dataclass(frozen=True, slots=True)
class Words:
    """A list of words behind commas; ``words`` says which a version knows.

    ``alone`` are words that make a list by themselves, and are not told of.
    """

    words: Callable[[int], tuple[str, ...]]
    alone: frozenset[str] = frozenset()

    def takes(self, value: str, version: int) -> bool:
        """Tell whether a version takes a value."""
        found = [_unquoted(each) for each in value.split(",")]
        known = {_lower(each) for each in self.words(version)}
        return (
            found == [""] or (len(found) == 1 and found[0] in self.alone) or known.issuperset(found)
        )

    def wanted(self, version: int) -> str:
        """Return what a version takes, in words."""
        return f"a list of {_listed(self.words(version))}"


@dataclass(frozen=True, slots=True)
class Since:
    """One kind before a version, and another from it on."""

    version: int
    before: Kind
    after: Kind

    def takes(self, value: str, version: int) -> bool:
        """Tell whether a version takes a value."""
        return self._of(version).takes(value, version)

    def wanted(self, version: int) -> str:
        """Return what a version takes, in words."""
        return self._of(version).wanted(version)

    def _of(self, version: int) -> Kind:
        return self.before if version < self.version else self.after


def kind(name: str) -> Kind:
    """Return what may stand behind a setting of ``KNOWN``."""
    return _KINDS[name]


def refusal(name: str, value: str, version: int) -> str | None:
    """Return what a version takes for a setting, where it does not take ``value``.

    ``name`` is in lower case. None for what is taken, and for settings that are not known here.
    """
    found = _KINDS.get(name)
    return None if found is None or found.takes(value, version) else found.wanted(version)


def _was_boolean(version: int) -> tuple[str, ...]:
    """Return what an enumeration takes that once was a boolean, which has no beginnings."""
    return ("on", "true", "yes", "1") if version < _FIRST_WITHOUT_BOOLEAN else ()


def _destinations(version: int) -> tuple[str, ...]:
    json = ("jsonlog",) if version >= _FIRST_WITH_JSON else ()
    return ("stderr", "csvlog", *json, "syslog")


def _lower(text: str) -> str:
    """Lower the case of ASCII letters alone (``pg_strcasecmp``)."""
    return "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in text)


def _unquoted(word: str) -> str:
    """Return a word of a list as it is compared (``SplitIdentifierString``)."""
    word = word.strip(_BLANK)
    quoted = len(word) > 1 and word[0] == word[-1] == '"'
    return _lower(word[1:-1].replace('""', '"') if quoted else word)


def _base_ten(digits: str) -> str:
    if digits[:2] in {"0x", "0X"}:
        return str(int(digits, 16))
    return str(int(digits, 8)) if digits.startswith("0") else digits


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


_LEVELS = ("debug5", "debug4", "debug3", "debug2", "debug1", "info", "notice", "warning", "error")
_LEVEL = Choice((*_LEVELS, "log", "fatal", "panic"), lambda _: ("debug",))
_SWITCH = Boolean()
_STAGES = ("receipt", "authentication", "authorization", "setup_durations", "all")
_AS_BEFORE = frozenset({"on", "off", "true", "false", "yes", "no", "1", "0"})
_KINDS: Mapping[str, Kind] = {
    "authentication_timeout": Number(1, 600, "s"),
    "db_user_namespace": _SWITCH,
    "gss_accept_delegation": _SWITCH,
    "krb_caseins_users": _SWITCH,
    "log_connections": Since(FIRST_WITH_STAGES, _SWITCH, Words(lambda _: _STAGES, _AS_BEFORE)),
    "log_destination": Words(_destinations),
    "log_disconnections": _SWITCH,
    "log_duration": _SWITCH,
    "log_error_verbosity": Choice(("terse", "default", "verbose")),
    "log_file_mode": Number(0, 0o777, octal=True),
    "log_hostname": _SWITCH,
    "log_min_duration_sample": Number(-1, _MOST, "ms"),
    "log_min_duration_statement": Number(-1, _MOST, "ms"),
    "log_min_error_statement": _LEVEL,
    "log_min_messages": _LEVEL,
    "log_replication_commands": _SWITCH,
    "log_rotation_age": Number(0, _MOST // 60, "min"),
    "log_rotation_size": Since(
        _FIRST_WITH_LARGE_LOGS, Number(0, _MOST // 1024, "kB"), Number(0, _MOST, "kB")
    ),
    "log_statement": Choice(("none", "ddl", "mod", "all")),
    "logging_collector": _SWITCH,
    "md5_password_warnings": _SWITCH,
    "password_encryption": Choice(("md5", "scram-sha-256"), _was_boolean),
    "port": Number(1, 2**16 - 1),
    "scram_iterations": Number(1, _MOST),
    "ssl": _SWITCH,
    "ssl_max_protocol_version": Choice(PROTOCOLS, lambda _: ("",)),
    "ssl_min_protocol_version": Choice(PROTOCOLS),
    "ssl_passphrase_command_supports_reload": _SWITCH,
    "ssl_prefer_server_ciphers": _SWITCH,
    "unix_socket_permissions": Number(0, 0o777, octal=True),
}
KNOWN = frozenset(_KINDS)
