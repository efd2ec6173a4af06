"""A webhook as Standard Webhooks has it (standardwebhooks.com): JSON, signed with HMAC-SHA256.

The signature is over ``ID.TIMESTAMP.BODY``, so a receiver can refuse what is old or came before.
"""

import base64
import hashlib
import hmac
import json
from binascii import Error as NotBase64Error
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pgward.ca.notices.channel import ChannelError, Parcel, secret_of
from pgward.ca.notices.message import Message
from pgward.ca.notices.notice import PERSONAL, Kind
from pgward.ca.notices.posting import post
from pgward.ca.notices.settings import WebhookSettings
from pgward.core.clock import rfc3339

NAME: Final = "webhook"
_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = range(24, 65)


@dataclass(frozen=True, slots=True)
class Webhook:
    """The channel; ``now`` is the wall clock's time, which receivers compare with their own."""

    settings: WebhookSettings
    directory: Path
    now: Callable[[], datetime]
    name: str = NAME
    is_personal: bool = False

    def takes(self, kind: Kind) -> bool:
        """Tell whether notices of a kind go here."""
        wanted = not self.settings.kinds or kind.value in self.settings.kinds
        return wanted and kind not in PERSONAL

    def send(self, parcels: Sequence[Parcel]) -> Iterator[ChannelError | None]:
        """Post one after the other; raise ChannelError when the receiver is away."""
        secret = key_of(secret_of(self.directory / self.settings.secret_file, "secret_file"))
        for parcel in parcels:
            yield self._one(parcel.message, secret)

    def _one(self, message: Message, secret: bytes) -> ChannelError | None:
        body = json.dumps(event(message), separators=(",", ":")).encode()
        headers = signed(message.id, int(self.now().timestamp()), body, secret)
        try:
            settings = self.settings
            post(settings.url, body, headers, ca_file=settings.ca_file, directory=self.directory)
        except ChannelError as error:
            if not error.for_good:
                raise
            return error
        return None


def event(message: Message) -> dict[str, Any]:
    """Return what is posted: a type, a time, and the request's facts as they are."""
    link = {} if message.link is None else {"link": message.link}
    return {
        "type": f"access.{message.kind.value}",
        "timestamp": rfc3339(message.at),
        "data": {
            "request": message.request_id,
            "text": message.heading,
            **message.facts.to_json(),
            **link,
        },
    }


def signed(id: str, timestamp: int, body: bytes, secret: bytes) -> dict[str, str]:  # noqa: A002 - the standard's name
    """Return the headers that go with a body."""
    content = f"{id}.{timestamp}.".encode() + body
    digest = hmac.new(secret, content, hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode('ascii')}",
    }


def key_of(text: str) -> bytes:
    """Read a secret (``whsec_`` and 24 to 64 bytes in base64); raise ChannelError."""
    try:
        found = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (NotBase64Error, ValueError):
        found = b""
    if not text.startswith(_PREFIX) or len(found) not in _SECRET_BYTES:
        raise ChannelError(f"secret_file is not {_PREFIX} and 24 to 64 bytes in base64")
    return found
