"""A webhook sink: lines as NDJSON by HTTP POST, signed with a shared secret.

``Pgward-Signature: t=UNIX,v1=HEX``: HEX is HMAC-SHA-256 by the secret over ``UNIX.`` and the body.
A receiver that also looks whether UNIX is near its own clock takes no replayed request.
"""

import hmac
import time
from collections.abc import Callable, Sequence
from typing import Final, Self

from pgward.audit.sinks import tls
from pgward.audit.sinks.http import Poster
from pgward.audit.sinks.sink import SinkUrl
from pgward.core.errors import InvalidInputError

OPTIONS: Final = tls.OPTIONS | {"secret"}
HEADER: Final = "Pgward-Signature"


class WebhookSink:
    """Posts each batch as one request."""

    def __init__(self, poster: Poster, secret: bytes, now: Callable[[], float] = time.time) -> None:
        self._poster = poster
        self._secret = secret
        self._now = now

    @classmethod
    def of(cls, url: SinkUrl) -> Self:
        """Make it of ``webhook+https://HOST/PATH#secret=file:PATH``; raise InvalidInputError."""
        secret = url.secret("secret")
        if secret is None:
            raise InvalidInputError(
                "a webhook needs a secret, by which its receiver knows us",
                where=url.text,
                hint="…#secret=file:PATH or …#secret=env:NAME",
            )
        return cls(Poster(url, {"Content-Type": "application/x-ndjson"}), secret)

    def deliver(self, lines: Sequence[bytes]) -> None:
        """Post lines; raise SinkError."""
        body = b"\n".join([*lines, b""])
        self._poster.post(body, {HEADER: signature(self._secret, int(self._now()), body)})

    def close(self) -> None:
        """Close the connections."""
        self._poster.close()


def signature(secret: bytes, moment: int, body: bytes) -> str:
    """Return the header's value for a body, at a time in seconds since 1970."""
    digest = hmac.digest(secret, b"%d." % moment + body, "sha256")
    return f"t={moment},v1={digest.hex()}"
