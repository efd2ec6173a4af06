"""Figures as people read them. Pure."""

from datetime import timedelta

from pgward.client.phrases import when
from pgward.tunnel.agent.top.figures import Clocks, Connection, Service

SERVICES = ("SERVICE", "TUNNEL", "ADDRESS", "NOW", "TOTAL", "UP", "DOWN", "PROBLEM")
CONNECTIONS = ("SERVICE", "CLIENT", "SINCE", "UP", "DOWN", "UP/s", "DOWN/s")
_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
_SHORT = ((86400, "d"), (3600, "h"), (60, "min"))


def service(row: Service) -> tuple[str, ...]:
    """Return the cells of a service."""
    is_open = row.state == "open"
    return (
        row.name,
        row.state,
        row.address,
        str(row.active) if is_open else "",
        str(row.total) if is_open else "",
        rate(row.up),
        rate(row.down),
        row.problem,
    )


def connection(row: Connection) -> tuple[str, ...]:
    """Return the cells of a connection."""
    return (
        row.service,
        row.client,
        short(row.seconds),
        size(row.up),
        size(row.down),
        rate(row.up_rate),
        rate(row.down_rate),
    )


def clocks(row: Clocks) -> str:
    """Return who is logged in, and until when."""
    if row.user is None or row.login is None:
        return "nobody is logged in: pgward login"
    if not row.logged_in:
        return f"{row.user}: the login ended {when(row.login, row.now)}: pgward login"
    words = f"{row.user}: the login ends {when(row.login, row.now)}"
    if row.certificate is not None:
        verb = "ends" if row.certificate > row.now else "ended"
        words += f", the certificate {verb} {when(row.certificate, row.now)}"
    return f"{words} ({row.problem})" if row.problem else words


def rate(count: float) -> str:
    """Return bytes a second; nothing for none."""
    return f"{size(count)}/s" if count >= 1 else ""


def size(count: float) -> str:
    """Return for example ``1.2 MB``."""
    unit = _UNITS[0]
    for unit in _UNITS:
        if count < _STEP or unit == _UNITS[-1]:
            break
        count /= _STEP
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def short(seconds: float) -> str:
    """Return for example ``5 min``, in the largest unit of which there is one."""
    span = int(timedelta(seconds=seconds).total_seconds())
    for length, unit in _SHORT:
        if span >= length:
            return f"{span // length} {unit}"
    return f"{span} s"
