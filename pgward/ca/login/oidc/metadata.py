"""What a provider says of itself (OpenID Connect Discovery 1.0, RFC 8414)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from pgward.ca.login.oidc.errors import UntrustedError
from pgward.core.errors import InvalidInputError

WELL_KNOWN = "/.well-known/openid-configuration"
MAX_URL = 2048
_MAX_LIST = 200


def issuer_url(text: str) -> str:
    """Return an issuer as it may be configured; raise InvalidInputError.

    HTTPS, without query and fragment (Discovery section 3). It is compared letter by letter.
    """
    if not is_https(text) or "?" in text or "#" in text:
        raise InvalidInputError(
            f"{text!r} is not an issuer", hint="for example https://login.example.com"
        )
    return text


def discovery_url(issuer: str) -> str:
    """Return where an issuer's metadata is."""
    return issuer.removesuffix("/") + WELL_KNOWN


def is_https(text: object) -> bool:
    """Tell whether it is an HTTPS address without credentials or strange letters."""
    if not isinstance(text, str) or not text.isascii() or len(text) > MAX_URL:
        return False
    if not text.isprintable() or any(each in text for each in ' "<>\\^`{|}'):
        return False
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - ValueError when it is none
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part that we use; an absent list is what the standard says then."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    device_authorization_endpoint: str | None
    end_session_endpoint: str | None
    algorithms: tuple[str, ...]
    client_auth: tuple[str, ...]
    scopes: tuple[str, ...]
    pkce: tuple[str, ...]
    sends_issuer: bool
    logs_out: bool

    @classmethod
    def read(cls, document: Mapping[str, Any], *, issuer: str) -> Self:
        """Read a metadata document, which must be this issuer's; raise UntrustedError."""
        if document.get("issuer") != issuer:
            raise UntrustedError("its metadata names another issuer than the configured one")
        return cls(
            issuer=issuer,
            authorization_endpoint=_endpoint(document, "authorization_endpoint"),
            token_endpoint=_endpoint(document, "token_endpoint"),
            jwks_uri=_endpoint(document, "jwks_uri"),
            userinfo_endpoint=_perhaps(document, "userinfo_endpoint"),
            device_authorization_endpoint=_perhaps(document, "device_authorization_endpoint"),
            end_session_endpoint=_page(document.get("end_session_endpoint")),
            algorithms=_texts(document, "id_token_signing_alg_values_supported", ("RS256",)),
            client_auth=_texts(
                document, "token_endpoint_auth_methods_supported", ("client_secret_basic",)
            ),
            scopes=_texts(document, "scopes_supported", ()),
            pkce=_texts(document, "code_challenge_methods_supported", ()),
            sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
            logs_out=document.get("backchannel_logout_supported") is True,
        )


def _endpoint(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not is_https(value) or "#" in value:
        raise UntrustedError(f"its metadata has no HTTPS address as {name}")
    return value


def _perhaps(document: Mapping[str, Any], name: str) -> str | None:
    return None if document.get(name) is None else _endpoint(document, name)


def _page(value: object) -> str | None:
    # Nobody's login fails because there is no logging out.
    return value if isinstance(value, str) and is_https(value) and "#" not in value else None


def _texts(document: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = document.get(name)
    if value is None:
        return default
    if not isinstance(value, list) or len(value) > _MAX_LIST:
        raise UntrustedError(f"its metadata has no short list as {name}")
    return tuple(each for each in value if isinstance(each, str))
