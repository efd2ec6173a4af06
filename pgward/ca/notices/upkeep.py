"""The jobs of notices: one that divides them, and one for each channel, so that none waits."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pgward.ca.identity import invitations
from pgward.ca.keys.sealing import Sealer
from pgward.ca.login import way_back
from pgward.ca.login.passkeys import site
from pgward.ca.notices import dividing
from pgward.ca.notices.channel import Channel
from pgward.ca.notices.links import Linker
from pgward.ca.notices.mail import Mail
from pgward.ca.notices.sending import BATCH, Sender
from pgward.ca.notices.slack import Slack
from pgward.ca.notices.webhook import Webhook
from pgward.ca.settings import Settings
from pgward.ca.store.database import Store
from pgward.ca.store.purge import Write
from pgward.ca.upkeep import Job
from pgward.core.clock import Clock

EVERY_SECONDS: Final = 1.0
_FORGET_SECONDS: Final = 600.0
_ROUNDS: Final = 20


def table(
    settings: Settings,
    directory: Path,
    store: Store,
    clock: Clock,
    *,
    sealer: Sealer | None,
    write: Write,
) -> list[Job]:
    """Return the jobs, all of them the leader's; ``directory`` is where relative paths begin."""
    channels = open_channels(settings, directory, clock)
    link = linker(settings, sealer)
    invitation = None
    if sealer is not None:
        invitation = partial(invitations.link, sealer, way_back.origin(settings))

    def divide() -> None:
        for _ in range(_ROUNDS):
            if dividing.divide(store, channels, clock.now(), write=write) < dividing.BATCH:
                return

    def forget() -> None:
        dividing.forget(store, clock.now(), write=write)

    return [
        Job("notices", EVERY_SECONDS, divide, leader_only=True),
        Job("old notices", _FORGET_SECONDS, forget, leader_only=True),
        *(_job(Sender(store, each, clock, write, link, invitation)) for each in channels),
    ]


def open_channels(settings: Settings, directory: Path, clock: Clock) -> list[Channel]:
    """Return the channels that the settings have."""
    notify = settings.notify
    found: list[Channel] = []
    if notify.smtp.server:
        host = urlsplit(settings.ca.url).hostname or "localhost"
        found.append(Mail(notify.smtp, directory, settings.ca.name, host, notify.links))
    if notify.webhook.url:
        found.append(Webhook(notify.webhook, directory, clock.now))
    if notify.slack.url_file:
        found.append(Slack(notify.slack, directory))
    return found


def linker(settings: Settings, sealer: Sealer | None) -> Linker | None:
    """Return what makes links; None where messages have none.

    Passkeys need a name: an authority that is reached by its address has no links that ask for one.
    """
    notify, own = settings.notify, site.of(settings)
    if sealer is None or notify.links == "off" or (notify.links == "passkey" and own is None):
        return None
    origin = settings.ca.url if own is None else own.origin
    lifetime = timedelta(hours=notify.link_hours)
    return Linker(sealer, origin, lifetime, personal_only=notify.links == "mail")


def _job(sender: Sender) -> Job:
    def send() -> None:
        for _ in range(_ROUNDS):
            if sender.turn() < BATCH:
                return

    return Job(f"notices: {sender.channel.name}", EVERY_SECONDS, send, leader_only=True)
