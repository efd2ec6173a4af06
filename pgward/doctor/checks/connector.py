"""`pgward.connect` of Python programs: the drivers that it needs, and tunnels that it opened."""

import os
from collections.abc import Iterator

from pgward.core.errors import NotFoundError
from pgward.doctor.finding import Finding, ok, warn
from pgward.doctor.patient import Patient
from pgward.programs import drivers, own_tunnel
from pgward.programs.own_tunnel import Held

CHECK = "connector"


def look(patient: Patient) -> Finding | None:
    """Import each driver as a program would; nothing to say when there is none, and no tunnel."""
    tunnels = [
        each
        for each in own_tunnel.held(patient.home.directory)
        if patient.service_name in (None, each.service) and each.program != os.getpid()
    ]
    stopped = [each for each in tunnels if each.stopped]
    if stopped:
        return _stopped(stopped[0])
    usable, broken = [], []
    for name in drivers.ASYNC:
        try:
            usable.append(f"{name} {drivers.driver(name).__version__}")
        except NotFoundError:
            continue
        except Exception as error:  # noqa: BLE001 - whatever a driver's import raises is its state
            broken.append(f"{name} ({type(error).__name__})")
    if broken:
        return warn(
            CHECK,
            f"cannot be imported: {', '.join(broken)}",
            "pgward.connect fails with it in this Python; psycopg alone has no libpq",
            "pip install 'psycopg[binary]', or reinstall the driver",
        )
    if not usable and not tunnels:
        return None
    return ok(CHECK, "; ".join(_told(usable, tunnels)))


def _stopped(found: Held) -> Finding:
    return warn(
        CHECK,
        f"the tunnel of process {found.program} to {found.service} is stopped",
        "what goes through it hangs",
        f"kill -CONT {found.pid}, or end process {found.program}",
    )


def _told(usable: list[str], tunnels: list[Held]) -> Iterator[str]:
    yield f"pgward.connect can use {' and '.join(usable)}" if usable else "no driver in this Python"
    for each in tunnels:
        yield f"process {each.program} has a tunnel of its own to {each.service}"
