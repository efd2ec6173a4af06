"""A chat's incoming webhook, as Slack has it: blocks, and a text for notifications.

What people wrote goes into ``plain_text`` only, where nothing is a link, a mention or a format.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pgward.ca.notices.channel import ChannelError, Parcel, secret_of
from pgward.ca.notices.message import Message, one_line
from pgward.ca.notices.notice import PERSONAL, Kind
from pgward.ca.notices.posting import post
from pgward.ca.notices.settings import SlackSettings, check_url
from pgward.core.errors import InvalidInputError

NAME: Final = "slack"
_MOST_HEADER: Final = 150
_MOST_TEXT: Final = 2900
"""Slack takes 3000."""


@dataclass(frozen=True, slots=True)
class Slack:
    """The channel."""

    settings: SlackSettings
    directory: Path
    name: str = NAME
    is_personal: bool = False

    def takes(self, kind: Kind) -> bool:
        """Tell whether notices of a kind go here."""
        wanted = not self.settings.kinds or kind.value in self.settings.kinds
        return wanted and kind not in PERSONAL

    def send(self, parcels: Sequence[Parcel]) -> Iterator[ChannelError | None]:
        """Post one after the other; raise ChannelError when the chat is away."""
        url = secret_of(self.directory / self.settings.url_file, "url_file")
        try:
            check_url(url)
        except InvalidInputError as error:
            raise ChannelError(f"url_file: {error.message}") from error
        for parcel in parcels:
            yield self._one(url, parcel.message)

    def _one(self, url: str, message: Message) -> ChannelError | None:
        body = json.dumps(blocks(message)).encode()
        try:
            post(url, body, {}, ca_file=self.settings.ca_file, directory=self.directory)
        except ChannelError as error:
            if not error.for_good:
                raise
            return error
        return None


def blocks(message: Message) -> dict[str, Any]:
    """Return what is posted."""
    lines = "\n".join(f"{label}: {value}" for label, value in message.lines)
    found = [
        {"type": "header", "text": _plain(one_line(message.heading, _MOST_HEADER))},
        {"type": "section", "text": _plain(_cut(lines))},
    ]
    if message.link is not None:
        found.append({"type": "section", "text": _marked(f"<{message.link}|{message.link_title}>")})
    if message.commands:
        commands = "\n".join(f"`{escaped(each)}`" for each in message.commands)
        found.append({"type": "section", "text": _marked(commands)})
    # Shown in notifications, and by what knows no blocks; this is mrkdwn.
    link = "" if message.link is None else f" <{message.link}|{message.link_title}>"
    return {"text": escaped(message.heading) + link, "blocks": found, "unfurl_links": False}


def escaped(text: str) -> str:
    """Escape what begins a link, a mention or an entity in Slack's mrkdwn."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _marked(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
