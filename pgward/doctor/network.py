"""Names, TCP and TLS in blocking steps, each under a limit of time; failures as findings."""

import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509

from pgward.core.address import Address
from pgward.core.clock import rfc3339
from pgward.doctor import messages
from pgward.doctor.finding import Finding, fail, ok, warn

Resolved = list[tuple[socket.AddressFamily, tuple[Any, ...]]]
LATE = 0.1  # servers renew when a third of the life is left
MOST_HEAD = 16 * 1024


@dataclass
class Route:
    """The way to one peer: who it is, which addresses it has, and a TCP connection to it."""

    peer: str
    address: Address
    resolved: Resolved = field(default_factory=list)
    sock: socket.socket | None = None


def look_up(check: str, route: Route) -> Finding:
    """Resolve a peer's name."""
    host, port = route.address.host, route.address.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        return fail(check, f"{host!r} is no host name", hint="check the address")
    except OSError as error:
        return fail(
            check,
            f"the name {host} of {route.peer} cannot be found ({error.strerror or error})",
            "the DNS here does not know it, or cannot be reached",
            "check the network; an internal name may need the VPN or the office",
        )
    route.resolved = [(family, address) for family, _, _, _, address in found]
    if is_address(host):
        return ok(check, f"{host} is an address")
    return ok(check, f"{host} is {', '.join(str(address[0]) for _, address in route.resolved)}")


def is_address(host: str) -> bool:
    """Tell whether a host is written as an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def connect(check: str, route: Route, seconds: float) -> Finding:
    """Open a TCP connection to the first address that answers; tell of those that do not."""
    problems: list[tuple[str, OSError]] = []
    limit = seconds / max(1, len(route.resolved))
    for family, address in route.resolved:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(limit)
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            problems.append((str(address[0]), error))
            continue
        sock.settimeout(seconds)
        route.sock = sock
        return _connected(check, route, str(address[0]), problems)
    return _unreachable(check, route, problems)


def _connected(check: str, route: Route, host: str, problems: list[tuple[str, OSError]]) -> Finding:
    where = f"{host} port {route.address.port}"
    if not problems:
        return ok(check, f"{route.peer} takes connections at {where}")
    away = ", ".join(f"{address} ({_plain(error)})" for address, error in problems)
    return warn(
        check,
        f"{route.peer} takes connections at {where}, but not at {away}",
        "programs that try the addresses in turn wait for those that do not answer",
        "take those addresses out of the DNS, or let them through",
    )


def _unreachable(check: str, route: Route, problems: list[tuple[str, OSError]]) -> Finding:
    told = ", ".join(f"{address} {_plain(error)}" for address, error in problems)
    meaning = messages.translate(_plain(problems[0][1])) if problems else None
    return fail(
        check,
        f"no connection to {route.peer} at {route.address}: {told or 'the name has no address'}",
        meaning.meaning if meaning else "",
        meaning.hint if meaning else "check the address, the network and firewalls",
    )


def secure(
    check: str, route: Route, context: ssl.SSLContext, name: str
) -> tuple[Finding | None, ssl.SSLSocket | None]:
    """Do the TLS handshake on a route; return the failure, or the TLS socket."""
    assert route.sock is not None  # noqa: S101 - `connect` came before
    sock, route.sock = route.sock, None
    try:
        return None, context.wrap_socket(sock, server_hostname=name)
    except (ssl.SSLError, OSError) as error:
        sock.close()
        return _not_secured(check, route, error), None


def _not_secured(check: str, route: Route, error: OSError) -> Finding:
    text = tls_text(error)
    meaning = messages.translate(text)
    why = meaning.meaning if meaning else ""
    if isinstance(error, ssl.SSLCertVerificationError):
        issuer = _issuer_shown(route)
        told = f"; the certificate shown was issued by {issuer}" if issuer else ""
        return fail(
            check,
            f"{route.peer} did not prove who it is: {text}{told}",
            why,
            "if a proxy of your company breaks TLS open, it must let this address through;"
            " else tell an administrator",
        )
    return fail(
        check,
        f"no TLS with {route.peer}: {text}",
        why,
        meaning.hint if meaning else "check the address, and any proxy in between",
    )


def tls_text(error: OSError) -> str:
    """Return an error's own words in one line, as people read them."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message).rstrip(".")
    reason = getattr(error, "reason", None)  # an error that Python itself raised has none
    if isinstance(error, ssl.SSLError) and isinstance(reason, str):
        return reason.lower().replace("_", " ")
    return _plain(error)


def _plain(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time (timed out)"
    if error.errno is not None and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno).lower()
    return str(error.strerror or error).lower()


def _issuer_shown(route: Route) -> str | None:
    """Return who issued the certificate that is shown: a proxy's CA gives itself away."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(route.resolved[0][1][:2], timeout=2) as sock,
            context.wrap_socket(sock) as tls,
        ):
            shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
            return repr(shown.issuer.rfc4514_string())
    except (OSError, ValueError, IndexError):
        return None  # it was a guess more, and the failure is told without it


def secured(check: str, peer: str, tls: ssl.SSLSocket | ssl.SSLObject, now: datetime) -> Finding:
    """Return that TLS holds; a warning when the peer's certificate should be renewed by now."""
    shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
    begin, end = shown.not_valid_before_utc, shown.not_valid_after_utc
    told = f"{peer} proved who it is ({tls.version()}), its certificate ends {rfc3339(end)}"
    if end - now > (end - begin) * LATE:
        return ok(check, told)
    return warn(
        check, told, "it should have been renewed by now", "tell whoever runs it: see its log"
    )
