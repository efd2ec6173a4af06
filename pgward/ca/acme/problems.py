"""Problem documents (RFC 7807) with the error types of RFC 8555 section 6.7 and RFC 9773."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgward.core.errors import PgwardError

URN = "urn:ietf:params:acme:error:"
MAX_DETAIL = 500

# Each type, and the status that it has unless a rule of the RFC says otherwise.
STATUS: Mapping[str, int] = {
    "accountDoesNotExist": 400,
    "alreadyReplaced": 409,
    "alreadyRevoked": 400,
    "badCSR": 400,
    "badNonce": 400,
    "badPublicKey": 400,
    "badRevocationReason": 400,
    "badSignatureAlgorithm": 400,
    "compound": 400,
    "connection": 400,
    "dns": 400,
    "externalAccountRequired": 403,
    "incorrectResponse": 403,
    "invalidContact": 400,
    "malformed": 400,
    "orderNotReady": 403,
    "rateLimited": 429,
    "rejectedIdentifier": 400,
    "serverInternal": 500,
    "tls": 400,
    "unauthorized": 403,
    "unsupportedContact": 400,
    "unsupportedIdentifier": 400,
    "userActionRequired": 403,
}


@dataclass(frozen=True, slots=True)
class Subproblem:
    """What is wrong with one identifier (RFC 8555 section 6.7.1)."""

    type: str
    detail: str
    identifier: Mapping[str, str]


class AcmeError(PgwardError):
    """The one error of the ACME server; it becomes a problem document."""

    code = "acme"

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        status: int | None = None,
        algorithms: Sequence[str] = (),
        subproblems: Sequence[Subproblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail[:MAX_DETAIL])
        self.kind = kind
        self.status = status or STATUS[kind]
        self.algorithms = tuple(algorithms)
        self.subproblems = tuple(subproblems)
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the problem document."""
        document: dict[str, Any] = {
            "type": URN + self.kind,
            "detail": self.message,
            "status": self.status,
        }
        if self.algorithms:
            document["algorithms"] = list(self.algorithms)
        if self.subproblems:
            document["subproblems"] = [
                {"type": URN + s.type, "detail": s.detail, "identifier": dict(s.identifier)}
                for s in self.subproblems
            ]
        return document


def malformed(detail: str, *, status: int | None = None) -> AcmeError:
    """Return the error of a message that breaks the protocol."""
    return AcmeError("malformed", detail, status=status)


def unauthorized(detail: str) -> AcmeError:
    """Return the error of somebody who may not do this."""
    return AcmeError("unauthorized", detail)


def not_found() -> AcmeError:
    """Return the one answer for what is not there and what is another account's."""
    return AcmeError("malformed", "there is nothing here for this account", status=404)


def rate_limited(detail: str, seconds: int) -> AcmeError:
    """Return the error of an account that asks too often; it may try again after ``seconds``."""
    return AcmeError("rateLimited", detail, headers={"Retry-After": str(seconds)})
