"""E-mail: a message in plain text and HTML (RFC 5322, 2046), sent over SMTP (RFC 5321).

TLS is never left out because a server, or somebody on the way, does not offer it (RFC 8314).
"""

import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from pgward.ca.notices.channel import SECONDS, ChannelError, Parcel, secret_of, tls_context
from pgward.ca.notices.message import REVIEWS, Message, one_line
from pgward.ca.notices.notice import PERSONAL, Kind
from pgward.ca.notices.settings import SmtpSettings, mailbox
from pgward.core.address import Address

NAME: Final = "email"
_DIRECTORY = Path(__file__).with_name("templates")
_PERMANENT: Final = 500
_HOW = {
    "passkey": "it asks for your passkey",
    "mail": "whoever has this e-mail can; do not pass it on",
    "page": "you sign in first",
}


@dataclass(frozen=True, slots=True)
class Mail:
    """The channel; ``host`` is the CA's, ``links`` what links ask for."""

    settings: SmtpSettings
    directory: Path
    ca_name: str
    host: str
    links: str
    name: str = NAME
    is_personal: bool = True

    def takes(self, kind: Kind) -> bool:
        """Tell that all go by e-mail: each is for those whom it concerns."""
        return kind in Kind

    def send(self, parcels: Sequence[Parcel]) -> Iterator[ChannelError | None]:
        """Send all through one connection; yield for each None, or why not."""
        with _as_channel_errors(self.settings.server), self._connected() as server:
            for parcel in parcels:
                yield self._one(server, parcel)

    def compose(self, message: Message, address: str) -> EmailMessage | None:
        """Return the e-mail; None when the address is none."""
        recipient = mailbox(address)
        if recipient is None:
            return None
        made = EmailMessage(policy=SMTP_POLICY)
        made["From"] = self.settings.mailbox
        made["To"] = recipient
        made["Subject"] = f"[{one_line(self.ca_name, 40)}] {message.heading}"
        made["Date"] = format_datetime(message.at.astimezone(UTC))
        made["Message-ID"] = f"<{message.id}@{self.host}>"
        made["References"] = f"<request-{message.request_id}@{self.host}>"
        made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        made["X-Auto-Response-Suppress"] = "All"
        links = "mail" if message.kind in PERSONAL else self.links
        if message.kind in REVIEWS:
            links = "page"
        name = one_line(self.ca_name, 200)
        facts = {"message": message, "name": name, "how": _HOW.get(links, "")}
        made.set_content(_render("mail.txt", facts))
        made.add_alternative(_render("mail.html", facts), subtype="html")
        return made

    def _one(self, server: smtplib.SMTP, parcel: Parcel) -> ChannelError | None:
        made = self.compose(parcel.message, parcel.address)
        if made is None:
            return ChannelError("that is no e-mail address", for_good=True)
        try:
            server.send_message(made)
        except smtplib.SMTPRecipientsRefused as error:
            code, reason = next(iter(error.recipients.values()))
            return _refused(code, reason)
        except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
            return _refused(error.smtp_code, error.smtp_error)
        except smtplib.SMTPNotSupportedError:
            return ChannelError("the server takes no such address (SMTPUTF8)", for_good=True)
        return None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        settings = self.settings
        address = Address.parse(settings.server)
        server = self._open(address)
        try:
            if settings.tls == "starttls":
                server.starttls(context=self._tls())
            if settings.user:
                password = secret_of(self.directory / settings.password_file, "password_file")
                server.login(settings.user, password)
            yield server
        finally:
            _leave(server)

    def _open(self, address: Address) -> smtplib.SMTP:
        # Else it would ask the DNS for our own name, and tell it.
        options: dict[str, Any] = {"timeout": SECONDS, "local_hostname": self.host}
        if self.settings.tls == "implicit":
            return smtplib.SMTP_SSL(address.host, address.port, context=self._tls(), **options)
        return smtplib.SMTP(address.host, address.port, **options)

    def _tls(self) -> ssl.SSLContext:
        return tls_context(self.settings.ca_file, self.directory)


def _leave(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):  # what was sent is sent
        server.close()


@contextmanager
def _as_channel_errors(server: str) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise ChannelError(f"{server} does not let us in (code {error.smtp_code})") from error
    except (smtplib.SMTPException, OSError) as error:
        raise ChannelError(f"{server}: {_why(error)}") from error


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return one_line(str(reason), 200)


def _refused(code: int, reason: bytes | str) -> ChannelError:
    return ChannelError(f"refused: {_said(code, reason)}", for_good=code >= _PERMANENT)


def _said(code: int, reason: bytes | str) -> str:
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
    return one_line(f"{code} {text}", 200)


def _render(template: str, facts: dict[str, Any]) -> str:
    return str(_environment()(template).render(facts))


@cache
def _environment() -> Callable[[str], Any]:
    # Slow, and every start of the CA would wait for it.
    from jinja2 import (  # noqa: PLC0415 - as above
        Environment,
        FileSystemLoader,
        StrictUndefined,
        select_autoescape,
    )

    made = Environment(
        loader=FileSystemLoader(_DIRECTORY),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return made.get_template
