"""TLS to the CA: its chain and its name, against the pinned roots."""

from urllib.parse import urlsplit

from pgward.client.trust import verified_context
from pgward.doctor import network
from pgward.doctor.finding import Finding, fail
from pgward.doctor.network import Route
from pgward.doctor.patient import Patient

CHECK = "ca_tls"


def look(patient: Patient) -> Finding:
    """Do the handshake, through the proxy if there is one."""
    trust, route = patient.need_trust(), patient.ca_route
    assert route is not None  # noqa: S101 - `ca_tcp` came before
    assert route.sock is not None  # noqa: S101 - as above
    parts = urlsplit(trust.ca_url)
    host = parts.hostname or ""
    if route.peer == "the proxy":
        answer = through_proxy(route, host, parts.port or 443)
        if not answer.startswith(("HTTP/1.0 200", "HTTP/1.1 200")):
            return fail(
                CHECK,
                f"the proxy does not let the CA through: {answer or 'it ended the connection'}",
                "the proxy refuses the address, or wants a login of its own",
                f"have it let {parts.netloc} through, or NO_PROXY={host}",
            )
    problem, tls = network.secure(CHECK, route, verified_context(trust.server_roots), host)
    if problem is not None or tls is None:
        return problem or fail(CHECK, "no TLS")
    patient.opened(tls)
    return network.secured(CHECK, "the CA", tls, patient.clock.now())


def through_proxy(route: Route, host: str, port: int) -> str:
    """Ask a proxy for a way to the CA (RFC 9110 section 9.3.6); return its status line."""
    assert route.sock is not None  # noqa: S101 - `ca_tcp` came before
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    head = b""
    try:
        route.sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        while b"\r\n\r\n" not in head and len(head) < network.MOST_HEAD:
            more = route.sock.recv(1)  # not a byte of what comes behind the head
            if not more:
                break
            head += more
    except OSError as error:
        return network.tls_text(error)
    return head.split(b"\r\n")[0].decode("ascii", "replace")
