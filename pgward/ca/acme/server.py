"""The ACME server as one function from requests to replies; it blocks on the store."""

import logging
import re
import secrets
from collections.abc import Callable
from typing import Any

from pgward.ca.acme import desk_accounts, desk_certificates, desk_orders, documents
from pgward.ca.acme.authentication import Authenticator
from pgward.ca.acme.documents import Links
from pgward.ca.acme.exchange import Reply, Request, problem
from pgward.ca.acme.office import Office
from pgward.ca.acme.problems import AcmeError, malformed
from pgward.core.errors import PgwardError, UnavailableError

_ID, _SERIAL = "([0-9a-f]{32})", "([0-9a-f]{1,40})"
_Desk = Callable[..., Reply]
# What signed requests are for; what a pattern finds is given on to its function.
_DESKS: tuple[tuple[str, _Desk], ...] = (
    ("new-account", desk_accounts.new_account),
    (f"account/{_ID}", desk_accounts.account),
    (f"account/{_ID}/orders", desk_accounts.account_orders),
    ("key-change", desk_accounts.key_change),
    ("new-order", desk_orders.new_order),
    (f"order/{_ID}", desk_orders.order),
    (f"order/{_ID}/finalize", desk_orders.finalize),
    (f"authz/{_ID}", desk_orders.authorization),
    (f"challenge/{_ID}", desk_orders.challenge),
    (f"certificate/{_SERIAL}", desk_certificates.certificate),
    ("revoke-cert", desk_certificates.revoke),
)
_SIGNED = tuple((re.compile(f"{documents.PREFIX}/{path}"), desk) for path, desk in _DESKS)
_RENEWAL = re.compile(rf"{documents.PREFIX}/renewal-info/([A-Za-z0-9_.-]{{1,200}})")
# Those that a bare key may ask, and that say so when it was right to.
_FOR_BARE_KEYS = (desk_accounts.new_account, desk_certificates.revoke)
_log = logging.getLogger(__name__)


class AcmeServer:
    """Answers requests; every failure becomes a problem document."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._authenticator = Authenticator(
            office.store,
            office.authority.clock,
            office.master,
            per_second=office.authority.settings.limits.caller_per_second,
        )

    def handle(self, request: Request) -> Reply:
        """Answer one request; never raises."""
        try:
            reply = self._answer(request)
        except AcmeError as error:
            reply = problem(error)
        except UnavailableError as error:
            unavailable = AcmeError(
                "serverInternal", error.message, status=503, headers={"Retry-After": "10"}
            )
            reply = problem(unavailable)
        except Exception as error:  # noqa: BLE001 - the last resort: logged with an id, told by it
            reply = problem(_unexpected(error))
        return self._with_headers(request, reply)

    def _answer(self, request: Request) -> Reply:
        path, reading = request.path, request.method in ("GET", "HEAD")
        if path == f"{documents.PREFIX}/directory" and reading:
            return Reply(200, self._directory(request))
        if path == f"{documents.PREFIX}/new-nonce" and reading:
            return Reply(200 if request.method == "HEAD" else 204)
        if reading and (match := _RENEWAL.fullmatch(path)):
            return desk_certificates.renewal_info(self.office, match[1])
        for pattern, desk in _SIGNED:
            if match := pattern.fullmatch(path):
                return self._signed(request, desk, match.groups())
        if path in (f"{documents.PREFIX}/directory", f"{documents.PREFIX}/new-nonce"):
            raise _method_not_allowed("GET, HEAD")
        raise malformed("there is nothing here", status=404)

    def _signed(self, request: Request, desk: _Desk, arguments: tuple[Any, ...]) -> Reply:
        if request.method != "POST":
            raise _method_not_allowed("POST")
        asking = self._authenticator.verify(request)
        reply = desk(self.office, request, asking, *arguments)
        if asking.account is None and desk in _FOR_BARE_KEYS:
            self._authenticator.welcome()
        return reply

    def _directory(self, request: Request) -> dict[str, Any]:
        settings = self.office.settings
        found = documents.directory(
            Links(request.origin),
            external_account_required=settings.external_account_required,
            terms=settings.terms,
        )
        # An unknown member, which clients must ignore: nobody may hard-code this list.
        return found | {secrets.token_urlsafe(8): "https://www.rfc-editor.org/rfc/rfc8555"}

    def _with_headers(self, request: Request, reply: Reply) -> Reply:
        nonce_path = request.path == f"{documents.PREFIX}/new-nonce"
        if request.method == "POST" or nonce_path:
            reply.headers["Replay-Nonce"] = self._authenticator.new_nonce()
        if request.path != f"{documents.PREFIX}/directory":
            reply.links.append(Links(request.origin).index())
        return reply


def _method_not_allowed(allowed: str) -> AcmeError:
    return AcmeError(
        "malformed", f"this takes {allowed} only", status=405, headers={"Allow": allowed}
    )


def _unexpected(error: Exception) -> AcmeError:
    """Return what to tell; log a failure of ours in full under an id."""
    number = secrets.token_hex(6)
    _log.error("unexpected failure %s", number, exc_info=error)
    if isinstance(error, PgwardError):
        return AcmeError("serverInternal", f"{error.message} ({number})")
    return AcmeError("serverInternal", f"the authority failed unexpectedly ({number})")
