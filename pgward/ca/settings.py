"""``pgward.toml``: the settings of a CA directory, read strictly and written with comments."""

import json
import re
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self, get_type_hints

from pgward.ca.acme.settings import AcmeSettings
from pgward.ca.http import networks
from pgward.ca.issuing.profiles import Urls
from pgward.ca.keys.settings import KeySettings
from pgward.ca.notices.settings import NotifySettings
from pgward.core import names
from pgward.core.address import Address
from pgward.core.errors import InvalidInputError, NotFoundError

FILE = "pgward.toml"
STORE_FILE = "ca.db"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._-]{0,38}[A-Za-z0-9])?")
_URL = re.compile(r"https://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[!-~]*)?")


@dataclass(frozen=True, slots=True)
class CaSettings:
    """Who the CA is, and where people reach it."""

    name: str = "pgward"
    url: str = "https://localhost:8443"
    dns: tuple[str, ...] = ("localhost",)
    ips: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise InvalidInputError."""
        if not _NAME.fullmatch(self.name):
            raise InvalidInputError(
                f"{self.name!r} cannot be the CA's name",
                hint="use 1 to 40 letters, digits, spaces, and . _ -",
            )
        for name in self.dns:
            names.dns_name(name)
        for ip in self.ips:
            _check_ip(ip)
        if not _URL.fullmatch(self.url):
            raise InvalidInputError(
                f"{self.url!r} is not the CA's address",
                hint="for example https://ca.example.com:8443",
            )
        if not self.dns and not self.ips:
            raise InvalidInputError("the CA has no DNS name and no IP address")


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """Where ``ca serve`` listens; ``public_http`` serves CRLs and OCSP at ``host:port``, if set."""

    host: str = "0.0.0.0"  # noqa: S104 - edges and people come from elsewhere
    port: int = 8443
    public_http: str = ""
    # Prometheus reads http://ADDRESS/metrics; empty serves none.
    metrics: str = ""
    # Balancers whose connections begin with a PROXY header, and those whose X-Forwarded-For counts.
    proxy_protocol_from: tuple[str, ...] = ()
    forwarded_for_from: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise InvalidInputError."""
        Address.parse(
            f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        )
        if self.public_http:
            Address.parse(self.public_http)
        if self.metrics:
            Address.parse(self.metrics)
        networks.parse((*self.proxy_protocol_from, *self.forwarded_for_from))


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """SQLAlchemy URL; empty means SQLite in the CA's directory."""

    url: str = ""

    def check(self) -> None:
        """Accept any text: the store refuses what it cannot open."""


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """How long login sessions and login certificates live."""

    session_hours: int = 12
    certificate_minutes: int = 60
    breach_list: str = ""  # a file of known passwords, for the rules that want it
    # Where browsers find the login page, when that is not the CA's own url: see passkeys.md.
    page_url: str = ""
    # Whether the portal gives people a key and a certificate as files: see portal-connect.md.
    certificate_files: bool = True

    def check(self) -> None:
        """Raise InvalidInputError."""
        _within("session_hours", self.session_hours, 1, 24 * 7)
        _within("certificate_minutes", self.certificate_minutes, 1, 24 * 60)
        if self.page_url and not _URL.fullmatch(self.page_url):
            raise InvalidInputError(
                f"page_url {self.page_url!r} is not an address",
                hint="for example https://login.example.com",
            )


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How long the certificates of edges and PostgreSQL hosts live."""

    certificate_days: int = 30

    def check(self) -> None:
        """Raise InvalidInputError."""
        _within("certificate_days", self.certificate_days, 1, 90)


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """How long expired certificates are kept (0: for ever); how often the log's head is signed."""

    keep_expired_days: int = 400
    head_seconds: int = 60

    def check(self) -> None:
        """Raise InvalidInputError."""
        _within("keep_expired_days", self.keep_expired_days, 0, 36_500)
        _within("head_seconds", self.head_seconds, 1, 86_400)


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Where what edges put on record goes: a directory or `s3://…`; for how long (0: for ever)."""

    # Empty is `archive` in the CA's directory.
    archive: str = ""
    keep_days: int = 400

    def check(self) -> None:
        """Raise InvalidInputError."""
        _within("keep_days", self.keep_days, 0, 36_500)
        if "://" in self.archive and not self.archive.startswith("s3://"):
            raise InvalidInputError(
                f"archive {self.archive!r} is no place for an archive",
                hint="use a directory, or s3://bucket/prefix",
            )


@dataclass(frozen=True, slots=True)
class RevocationSettings:
    """Where revocation is told; URLs stand in certificates, and ``{ca}`` is the CA's name."""

    publish_to: str = ""
    crl_url: str = ""
    ocsp_url: str = ""

    def check(self) -> None:
        """Raise InvalidInputError."""
        for name, url in (("crl_url", self.crl_url), ("ocsp_url", self.ocsp_url)):
            if url and not _PLAIN_URL.fullmatch(url.replace("{ca}", "ca")):
                raise InvalidInputError(
                    f"{name} {url!r} is no URL",
                    hint="for example http://crl.example.com/crls/{ca}.crl",
                )

    def urls(self, ca: str) -> Urls:
        """Return what the certificates of a CA say."""
        return Urls(self.crl_url.replace("{ca}", ca), self.ocsp_url.replace("{ca}", ca))


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How often anyone may ask; 20 s', 2 min's or 1 h's worth at once. 0 is without limit."""

    address_per_second: int = 200
    caller_per_second: int = 50
    certificates_per_minute: int = 60
    failed_proofs_per_minute: int = 600
    server_proofs_per_hour: int = 12

    def check(self) -> None:
        """Raise InvalidInputError."""
        for each in fields(self):
            _within(each.name, getattr(self, each.name), 0, 1_000_000)


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What `ca serve` says of itself: format `text` or `json`, traces `none` or `otlp`."""

    format: str = "text"
    # Empty is warning as text and info, with a line for each request, as JSON.
    level: str = ""
    traces: str = "none"

    def check(self) -> None:
        """Raise InvalidInputError."""
        _one_of("format", self.format, ("text", "json"))
        _one_of("level", self.level, ("", "debug", "info", "warning", "error"))
        _one_of("traces", self.traces, ("none", "otlp"))


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; each section has a default for everything."""

    ca: CaSettings = field(default_factory=CaSettings)
    listen: ListenSettings = field(default_factory=ListenSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    keys: KeySettings = field(default_factory=KeySettings)
    login: LoginSettings = field(default_factory=LoginSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    revocation: RevocationSettings = field(default_factory=RevocationSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    logging: LogSettings = field(default_factory=LogSettings)
    acme: AcmeSettings = field(default_factory=AcmeSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read TOML; raise InvalidInputError that names the section and the key."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InvalidInputError(f"not TOML: {error}") from error
        settings: Self = _read(cls, table, "")
        settings.check()
        return settings

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read ``pgward.toml`` of a CA directory; raise NotFoundError, InvalidInputError."""
        path = directory / FILE
        try:
            return cls.parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise NotFoundError(
                f"{directory} is not a CA directory: it has no {FILE}",
                hint=f"pgward ca init {directory}",
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise InvalidInputError(
                f"it cannot be read: {reason.lower()}", where=str(path)
            ) from error
        except InvalidInputError as error:
            raise InvalidInputError(error.message, where=str(path), hint=error.hint) from error

    def check(self) -> None:
        """Raise InvalidInputError for a value that is out of bounds."""
        for each in fields(self):
            section = getattr(self, each.name)
            try:
                section.check()
            except InvalidInputError as error:
                where = f"[{each.name}]"
                raise InvalidInputError(error.message, where=where, hint=error.hint) from error

    def store_url(self, directory: Path) -> str:
        """Return the store's database URL: SQLite in the directory unless one is set."""
        return self.store.url or f"sqlite:///{(directory / STORE_FILE).resolve()}"

    def dump(self) -> str:
        """Write TOML that ``parse`` reads back."""
        return "\n".join(_section(each.name, getattr(self, each.name)) for each in fields(self))


def _read(kind: type[Any], table: dict[str, Any], where: str) -> Any:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in hints:
            raise _unknown(key, where, list(hints))
        if is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise InvalidInputError(f"[{key}] is a section, not a value")
            inner = f"[{key}]" if not where else f"{where[:-1]}.{key}]"
            values[key] = _read(hints[key], value, inner)
        else:
            values[key] = _value(key, value, hints[key], where)
    return kind(**values)


def _value(key: str, value: Any, wanted: Any, where: str) -> Any:
    if wanted in (str, int, bool) and type(value) is wanted:
        return value
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if wanted == tuple[str, ...] and texts:
        return tuple(value)
    kinds = {str: "a text in quotes", int: "a whole number", bool: "true or false"}
    expected = kinds.get(wanted, "a list of texts in quotes")
    raise InvalidInputError(f"{key} must be {expected}", where=where)


def _unknown(key: str, where: str, known: list[str]) -> InvalidInputError:
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    what = f"unknown key {key}" if where else f"unknown section or key {key}"
    return InvalidInputError(what, where=where or None, hint=hint)


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInputError(f"{name} must be {low} to {high}, not {value}")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        words = ", ".join(each or "empty" for each in known)
        raise InvalidInputError(f"{name} must be one of {words}, not {value!r}")


def _check_ip(text: str) -> None:
    try:
        ip_address(text)
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is not an IP address") from error


def _section(name: str, section: Any) -> str:
    why = (type(section).__doc__ or "").replace("``", "`").strip()
    values = {each.name: getattr(section, each.name) for each in fields(section)}
    inner = {key: value for key, value in values.items() if is_dataclass(value)}
    lines = [f"# {why}", f"[{name}]"]
    lines += [f"{key} = {_toml(value)}" for key, value in values.items() if key not in inner]
    sections = [_section(f"{name}.{key}", value) for key, value in inner.items()]
    return "\n".join(["\n".join(lines) + "\n", *sections])


def _toml(value: str | int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
