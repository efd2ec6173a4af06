"""The listener on loopback that a browser is sent back to (RFC 8252 section 7.3).

It takes one redirect, the one with the state of this login, and answers everything else 404: other
programs and pages on this machine may knock, and must neither end the wait nor learn anything.
"""

import socket
import time
from collections.abc import Sequence
from html import escape
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from pgward.core.errors import UnavailableError

PATH = "/callback"
SECONDS = 540.0  # the CA forgets the login after ten minutes
_HEAD = 16 * 1024
_MOST_FIELDS = 20
_SLOWEST = 5.0
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>pgward</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 1.1rem/1.6 system-ui, sans-serif }}
  body {{ max-width: 32rem; margin: 20vh auto; padding: 0 1rem }}
</style>
<h1>{title}</h1><p>{text}</p></html>"""
_HEADERS = (
    "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n"
    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    "\r\nConnection: close\r\n\r\n"
)


class Loopback:
    """Listens from its making on; ``wait`` returns what the browser brings back.

    ``again`` is what a person is told to do when that comes to nothing.
    """

    def __init__(
        self, ports: Sequence[int] = (), *, again: str = "pgward login, or with --device-code"
    ) -> None:
        self._again = again
        self._listener = _listen(ports, again)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to be sent: an IP address, for `localhost` may be another's."""
        host, port = self._listener.getsockname()[:2]
        return f"http://{host}:{port}{PATH}"

    def wait(self, state: str | None, *, seconds: float = SECONDS) -> dict[str, str]:
        """Return the parameters of the redirect with this state; raise UnavailableError."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._listener.settimeout(left)
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                break
            with client:
                found = _serve(client, state)
            if found is not None:
                return found
        raise UnavailableError("the browser did not come back", hint=self._again)


def _listen(ports: Sequence[int], again: str) -> socket.socket:
    for port in ports or (0,):
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
    taken = ", ".join(map(str, ports))
    raise UnavailableError(
        f"the ports that the identity provider allows are taken here: {taken}",
        hint=f"end what uses one of them, then {again}",
    )


def _serve(client: socket.socket, state: str | None) -> dict[str, str] | None:
    """Answer one request; return its parameters when it is the one that is waited for."""
    try:
        found = _parameters(_head(client))
        wanted = found is not None and (state is None or found.get("state") == state)
        client.sendall(_answer(found if wanted else None))
    except OSError:
        return None  # whoever it was left, and the browser may yet come
    return found if wanted else None


def _head(client: socket.socket) -> bytes:
    """Return the head of a request, or what came of it in some seconds."""
    until, head = time.monotonic() + _SLOWEST, b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD:
        client.settimeout(max(0.01, until - time.monotonic()))
        chunk = client.recv(4096)
        if not chunk:
            break
        head += chunk
    return head


def _parameters(head: bytes) -> dict[str, str] | None:
    """Return the query of ``GET /callback?…``; None for any other request."""
    parts = head.split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ")
    if len(parts) != 3 or parts[0] != "GET":  # noqa: PLR2004 - method, target, version
        return None
    try:
        target = urlsplit(parts[1])
        fields = parse_qsl(target.query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    if target.path != PATH or len({name for name, _ in fields}) != len(fields):
        return None  # RFC 6749 section 3.1: parameters stand there once
    return dict(fields)


def _answer(found: dict[str, str] | None) -> bytes:
    if found is None:
        status, title, text = "404 Not Found", "Not found", "There is nothing here."
    elif "error" in found:
        why = found.get("error_description") or found["error"]
        status, title, text = "200 OK", "Not logged in", f"{why} — look at the terminal."
    else:
        status, title = "200 OK", "Back to the terminal"
        text = "pgward goes on there. You may close this page."
    page = _PAGE.format(title=escape(title), text=escape(text[:500])).encode()
    return _HEADERS.format(status=status, length=len(page)).encode() + page
