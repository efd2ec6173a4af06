"""The section ``[notify]`` of ``pgward.toml``: which channels there are, and what links may do."""

import re
from dataclasses import dataclass, field, fields
from email.errors import HeaderParseError, ObsoleteHeaderDefect
from email.headerregistry import Address as Mailbox
from email.headerregistry import HeaderRegistry
from urllib.parse import urlsplit

from pgward.ca.notices.notice import PERSONAL, Kind
from pgward.core.address import Address
from pgward.core.errors import InvalidInputError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LINKS = ("passkey", "mail", "off")
_TLS = ("starttls", "implicit", "none")
_WEB = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """E-mail: `server` is HOST:PORT, none without it; `tls` is starttls, implicit or none."""

    server: str = ""
    tls: str = "starttls"
    # PEM; empty trusts what this machine does.
    ca_file: str = ""
    user: str = ""
    password_file: str = ""
    # Who writes: `pgward <access@example.com>`.
    sender: str = ""

    def check(self) -> None:
        """Raise InvalidInputError."""
        if self.tls not in _TLS:
            raise InvalidInputError(f"tls must be one of {', '.join(_TLS)}, not {self.tls!r}")
        if bool(self.user) != bool(self.password_file):
            raise InvalidInputError("user and password_file belong together")
        if not self.server:
            return
        host = Address.parse(self.server).host
        if self.tls == "none" and host not in LOOPBACK:
            raise InvalidInputError(
                f"without TLS anybody on the way to {host} could read and change e-mail",
                hint='tls = "none" is for a server on this machine',
            )
        _ = self.mailbox

    @property
    def mailbox(self) -> Mailbox:
        """Who writes; raise InvalidInputError."""
        found = mailbox(self.sender)
        if found is None:
            raise InvalidInputError(
                f"sender {self.sender!r} is no e-mail address",
                hint="for example pgward <access@example.com>",
            )
        return found


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """A webhook: JSON to `url`, signed with the secret in `secret_file` (`whsec_` and base64)."""

    url: str = ""
    secret_file: str = ""
    ca_file: str = ""
    kinds: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise InvalidInputError."""
        check_kinds(self.kinds)
        if not self.url:
            return
        check_url(self.url)
        if not self.secret_file:
            raise InvalidInputError(
                "a webhook needs a secret_file, so that its receiver can tell who writes",
                hint="echo whsec_$(openssl rand -base64 32) > webhook.secret",
            )


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """A chat: `url_file` has the secret address that Slack, or what is like it, gave."""

    url_file: str = ""
    ca_file: str = ""
    # Empty is all: a busy channel may want `asked` and `break_glass` only.
    kinds: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise InvalidInputError; the file is read when there is something to say."""
        check_kinds(self.kinds)


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Who hears of access requests, and how. See docs/how-to/notifications.md."""

    # What the links in messages ask for: `passkey`, `mail` (the e-mail is enough), or `off`.
    links: str = "passkey"
    link_hours: int = 24
    smtp: SmtpSettings = field(default_factory=SmtpSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    slack: SlackSettings = field(default_factory=SlackSettings)

    def check(self) -> None:
        """Raise InvalidInputError."""
        if self.links not in LINKS:
            raise InvalidInputError(f"links must be one of {', '.join(LINKS)}, not {self.links!r}")
        if not 1 <= self.link_hours <= 24 * 7:
            raise InvalidInputError(f"link_hours must be 1 to 168, not {self.link_hours}")
        for each in fields(self):
            section = getattr(self, each.name)
            if isinstance(section, SmtpSettings | WebhookSettings | SlackSettings):
                try:
                    section.check()
                except InvalidInputError as error:
                    message = f"{each.name}: {error.message}"
                    raise InvalidInputError(message, hint=error.hint) from error


def check_kinds(chosen: tuple[str, ...]) -> None:
    """Raise InvalidInputError unless all are kinds of notices."""
    known = [each.value for each in Kind if each not in PERSONAL]
    for each in chosen:
        if each not in known:
            raise InvalidInputError(
                f"{each!r} is no kind of notice", hint=f"known are {', '.join(known)}"
            )


def check_url(url: str) -> None:
    """Raise InvalidInputError unless it is https, or on this machine."""
    parts = urlsplit(url) if _WEB.fullmatch(url) else None
    if parts is None or not parts.hostname or parts.username is not None:
        raise InvalidInputError("url is no address", hint="for example https://example.com/hook")
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise InvalidInputError("url must begin with https://, or be on this machine")


def mailbox(text: str) -> Mailbox | None:
    """Read ``NAME <ADDRESS>`` or an address; None when it is not exactly one."""
    if not text or not text.isprintable():
        return None
    try:
        header = HeaderRegistry()("to", text)
        found = header.addresses  # type: ignore[attr-defined]
    except (HeaderParseError, IndexError, ValueError):  # hostile text raises more than it says
        return None
    broken = [each for each in header.defects if not isinstance(each, ObsoleteHeaderDefect)]
    if broken or len(found) != 1:
        return None
    one: Mailbox = found[0]
    return one if one.username and "." in f".{one.domain}" and one.domain else None
