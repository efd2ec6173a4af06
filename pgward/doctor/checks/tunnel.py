"""The local tunnel of the service: its process, and its port."""

import socket

from pgward.doctor.finding import Finding, fail, ok, warn
from pgward.doctor.patient import Patient
from pgward.system.process import port_holder
from pgward.tunnel.local import registry
from pgward.tunnel.local.ports import HOST
from pgward.tunnel.local.registry import Registry

CHECK = "tunnel"


def look(patient: Patient) -> Finding | None:
    """See whether it runs and answers; without one, whether its port is free."""
    if patient.service_name is None:
        return None
    known = Registry(patient.home.directory)
    name = patient.service_name
    running = known.get(name)
    if running is None:
        return _not_open(known.remembered_port(name), name)
    answer = registry.ask(known.control_path(name))
    if answer is None:
        return fail(
            CHECK,
            f"the tunnel at {running.address} (process {running.pid}) does not answer",
            "it hangs, or is stopped",
            f"pgward disconnect {name}, then pgward connect {name}",
        )
    if answer.get("problem") and not answer.get("ready_links"):
        return warn(
            CHECK,
            f"the tunnel at {running.address} has trouble: {answer['problem']}",
            "it has no link to an edge just now",
            str(answer.get("hint") or ""),
        )
    return ok(CHECK, f"a tunnel is open at {running.address} (process {running.pid})")


def _not_open(port: int | None, name: str) -> Finding:
    if port is not None and not is_free(port):
        holder = port_holder(port) or "another process"
        return warn(
            CHECK,
            f"no tunnel is open, and its port {port} is taken by {holder}",
            "clients that are set to that port reach the other program",
            f"end it, or pgward connect {name} --port N",
        )
    return ok(CHECK, f"no tunnel is open; pgward connect {name} opens one")


def is_free(port: int) -> bool:
    """Tell whether something could listen there."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
