"""HashiCorp Vault's KV version 2, over HTTPS (Vault's API documentation, "KV secrets engine v2").

The environment of who asks says which Vault, as it does for Vault's own client: ``VAULT_ADDR``,
``VAULT_CACERT``, ``VAULT_NAMESPACE``; and ``VAULT_TOKEN_FILE``, which is read anew each time, so
that who renews the token (Vault's agent, say) only writes that file.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx2

from pgward.client.secrets import provider
from pgward.client.secrets.provider import SecretAwayError, SecretError
from pgward.client.secrets.reference import SecretRef
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system import secret_file

DEFAULT_FIELD, DEFAULT_MOUNT = "password", "secret"
_SECONDS = 10.0
_MAX_ANSWER = 1024 * 1024
_MAX_TOKEN = 8192
_MAX_SAID = 200
_REDIRECTS = (HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
# 412: a standby that is behind; 429: a quota, or a standby; 473: a standby of another cluster.
_AWAY = frozenset({HTTPStatus.PRECONDITION_FAILED, HTTPStatus.TOO_MANY_REQUESTS, 472, 473})


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """Which Vault, and how we prove ourselves there."""

    address: str
    token_file: Path
    ca_file: Path | None = None
    namespace: str | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self | None:
        """Return what the environment says, None without VAULT_ADDR; raise InvalidInputError."""
        address = environment.get("VAULT_ADDR", "").rstrip("/")
        if not address:
            return None
        parts = urlsplit(address)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.username:
            raise InvalidInputError(
                "VAULT_ADDR is not an https:// address", hint="for example https://vault:8200"
            )
        token_file = environment.get("VAULT_TOKEN_FILE")
        if not token_file:
            raise InvalidInputError(
                "VAULT_ADDR is set, and VAULT_TOKEN_FILE is not",
                hint="name the file that Vault's agent keeps the token in",
            )
        ca_file = environment.get("VAULT_CACERT")
        namespace = environment.get("VAULT_NAMESPACE", "").strip("/") or None
        return cls(address, Path(token_file), Path(ca_file) if ca_file else None, namespace)


class VaultSecrets:
    """Secrets in Vault (``fromVault``); close it after use."""

    def __init__(self, settings: VaultSettings) -> None:
        """Raise InvalidInputError when the CA's file cannot be used."""
        self._settings = settings
        self._http = httpx2.Client(
            verify=_context(settings.ca_file),
            timeout=_SECONDS,
            follow_redirects=False,
            trust_env=False,  # neither a proxy's nor a netrc's business
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, reference: SecretRef, *, refused: bool = False) -> bytes:  # noqa: ARG002
        """Return one field of the newest version of a secret."""
        mount = reference.mount or DEFAULT_MOUNT
        where = f"{mount}/{reference.name} in Vault"
        path = f"/v1/{quote(mount)}/data/{quote(reference.name)}"
        status, body = self._ask(f"{self._settings.address}{path}", where)
        if status != HTTPStatus.OK:
            raise _refusal(status, body, where)
        return _field(body, reference.field or DEFAULT_FIELD, where)

    def _ask(self, url: str, where: str) -> tuple[int, bytes]:
        headers = {"X-Vault-Request": "true", "X-Vault-Token": self._token()}
        if self._settings.namespace is not None:
            headers["X-Vault-Namespace"] = self._settings.namespace
        try:
            status, body, target = self._sent(url, headers)
            if status in _REDIRECTS and target is not None:
                # A standby names the active one; Vault's own client goes there once, too.
                status, body, _ = self._sent(_redirected(url, target, where), headers)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise SecretAwayError(
                f"{where} cannot be asked for: {_reason(error)}",
                hint="look at VAULT_ADDR and VAULT_CACERT, and whether Vault is there",
            ) from error
        return status, body

    def _sent(self, url: str, headers: dict[str, str]) -> tuple[int, bytes, str | None]:
        with self._http.stream("GET", url, headers=headers) as response:
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > _MAX_ANSWER:
                    raise SecretAwayError(f"Vault sent more than {_MAX_ANSWER} bytes")
            return response.status_code, bytes(data), response.headers.get("location")

    def _token(self) -> str:
        path = self._settings.token_file
        try:
            with secret_file.opened(path, "Vault token") as file:
                token = file.read(_MAX_TOKEN).decode("ascii").strip()
        except PgwardError as error:
            raise SecretAwayError(error.message, hint=error.hint) from error
        except UnicodeDecodeError:
            token = ""
        if not token or not token.isprintable() or " " in token:
            raise SecretAwayError(f"{path} holds no token of Vault")
        return token


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise InvalidInputError(
            "VAULT_CACERT is no file of certificates in PEM", where=str(ca_file)
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _redirected(url: str, target: str, where: str) -> str:
    whole = str(httpx2.URL(url).join(target))
    if not whole.startswith("https://"):  # the token goes there, too
        raise SecretAwayError(f"{where}: Vault leads to an address that is not https")
    return whole


def _field(body: bytes, name: str, where: str) -> bytes:
    try:
        fields = json.loads(body)["data"]["data"]
        found: Any = fields.get(name)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise SecretAwayError(
            f"{where}: that is no answer of Vault's KV version 2", hint="look at VAULT_ADDR"
        ) from None
    if found is None:
        known = ", ".join(sorted(map(str, fields)))[:_MAX_SAID]
        raise SecretError(f"{where} has no field {name}", hint=f"it has {known}" if known else None)
    if not isinstance(found, str):
        raise SecretError(f"the field {name} of {where} is not a text")
    return provider.value(found.encode("utf-8", "surrogatepass"), f"the field {name} of {where}")


def _refusal(status: int, body: bytes, where: str) -> PgwardError:
    """Return the error for an answer that brings no secret (api-docs: HTTP status codes)."""
    said = _said(body)
    if status == HTTPStatus.NOT_FOUND:
        gone = _is_deleted(body)
        hint = "its newest version was deleted" if gone else "is the mount of version 2?"
        return SecretError(f"there is no {where}", hint=said or hint)
    if status == HTTPStatus.FORBIDDEN:
        return SecretError(
            f"Vault does not let us read {where}: {said or 'permission denied'}",
            hint=f"its token needs the capability read on {where.removesuffix(' in Vault')},"
            " with data/ behind the mount; or it has expired",
        )
    if status in _AWAY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SecretAwayError(f"Vault does not tell {where} now ({status}): {said or 'no reason'}")
    return SecretError(f"Vault does not tell {where} ({status}): {said or 'no reason'}")


def _said(body: bytes) -> str:
    """Return what Vault says is wrong, as one short line; it never says a secret there."""
    try:
        found = json.loads(body)
        said = [*found.get("errors", ()), *found.get("warnings", ())]
        text = "; ".join(" ".join(str(each).split()) for each in said)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return ""
    return "".join(letter for letter in text if letter.isprintable())[:_MAX_SAID]


def _is_deleted(body: bytes) -> bool:
    try:
        metadata = json.loads(body)["data"]["metadata"]
        return bool(metadata["deletion_time"] or metadata["destroyed"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).lower().rstrip(".")
    return text[:_MAX_SAID] or type(error).__name__
