"""The systemd user unit of the agent. Pure.

Hardened as far as a user's manager can: what needs mount namespaces (ProtectSystem and its like)
needs user namespaces there, which many systems forbid, and the unit would not start at all.
"""

import re
from collections.abc import Mapping, Sequence

NAME = "pgward-agent.service"

_UNIT = """\
[Unit]
Description=pgward agent: tunnels to databases
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
{environment}Restart=on-failure
RestartSec=5
TimeoutStopSec=20
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
"""

_SIMPLE = re.compile(r"[A-Za-z0-9_@/.,:=+-]+")


def unit(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the unit's text; raise ValueError for a word with a line break or NUL."""
    lines = "".join(
        f"Environment={_quoted(f'{name}={value}', dollar='$')}\n"
        for name, value in environment.items()
    )
    words = " ".join(_quoted(word, dollar="$$") for word in command)
    return _UNIT.replace("{command}", words).replace("{environment}", lines)


def _quoted(word: str, *, dollar: str) -> str:
    """Return a word as unit files have it (systemd.syntax(7), systemd.service(5))."""
    if any(letter < " " for letter in word):
        raise ValueError(f"{word!r} cannot stand in a unit file")
    escaped = word.replace("%", "%%").replace("$", dollar)
    if _SIMPLE.fullmatch(escaped):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'
