"""The OCSP responder: answers for the issuing CAs from what the store knows (RFC 6960).

- *good* is only what the store knows as issued. A serial number that a CA never issued is
  *revoked* (extended definition, section 2.2): if a certificate with it exists, it is forged or
  its record was lost, and some clients take *unknown* for good.
- A response is signed by a delegate of one CA, so all certificates of a request must be of the
  same CA, and one of the CAs here; else *unauthorized*. That holds for issuing CAs'
  certificates too: a root's key is kept offline, and its CRL tells of them.
- Responses without a nonce are kept, and served again until something changes in the store.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pgward.ca.issuing import profiles
from pgward.ca.revoking.ocsp_signer import OcspSigner
from pgward.core.clock import Clock
from pgward.pki import ocsp
from pgward.pki.errors import OcspError
from pgward.pki.ocsp import Answer, Failure, NotIssued, Request, Status

LIFETIME = timedelta(hours=1)
_REUSED = timedelta(minutes=30)
_MOST_CACHED = 10_000  # of about 1.2 KB each


class Signers(Protocol):
    """Has the delegates: the authority."""

    @property
    def ocsp_signers(self) -> Sequence[OcspSigner]:
        """What signs OCSP responses, for each CA."""
        ...


class Statuses(Protocol):
    """Looks certificates up."""

    def find(self, ca: str, serials: Iterable[int]) -> Mapping[int, Status]:
        """Return the status of each serial number under one CA."""
        ...


class Version(Protocol):
    """Tells when the store changed."""

    def known(self) -> int | None:
        """Return the store's version without blocking; None when ``version`` must be called."""
        ...

    def version(self) -> int:
        """Return the store's version; may block."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An OCSPResponse in DER; ``next_update`` is None when nobody may keep it."""

    der: bytes
    produced_at: datetime | None = None
    next_update: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    reply: Reply
    version: int
    made_at: datetime


class OcspResponder:
    """Answers requests; safe to call from any thread."""

    def __init__(
        self,
        signers: Signers,
        statuses: Statuses,
        version: Version,
        clock: Clock,
        *,
        most_cached: int = _MOST_CACHED,
    ) -> None:
        self._signers = signers
        self._statuses = statuses
        self._version = version
        self._clock = clock
        self._most_cached = most_cached
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    def at_once(self, data: bytes) -> Reply | None:
        """Answer without blocking: a refusal, or a response that was made already; else None."""
        try:
            request = ocsp.read_request(data)
        except OcspError:
            return Reply(ocsp.failure(Failure.MALFORMED_REQUEST))
        if self._signer(request) is None:
            return Reply(ocsp.failure(Failure.UNAUTHORIZED))
        version = self._version.known()
        if version is None or not _may_be_kept(request):
            return None
        return self._find(request.certificates[0].encoded, version)

    def respond(self, data: bytes) -> Reply:
        """Answer; raise PgwardError when the store is away or the CA cannot sign. Blocks."""
        try:
            request = ocsp.read_request(data)
        except OcspError:
            return Reply(ocsp.failure(Failure.MALFORMED_REQUEST))
        signer = self._signer(request)
        if signer is None:
            return Reply(ocsp.failure(Failure.UNAUTHORIZED))
        version = self._version.version()  # before the look-up: never newer than what it found
        found = self._statuses.find(signer.ca, [each.serial for each in request.certificates])
        now = self._clock.now()
        responder = signer.responder()
        answer = _answer(request, found, now, responder.certificate.not_valid_after_utc)
        body = ocsp.respond(answer, responder)
        if not _may_be_kept(request) or any(isinstance(s, NotIssued) for s in found.values()):
            return Reply(body)
        reply = Reply(body, answer.produced_at, answer.next_update)
        self._keep(request.certificates[0].encoded, _Kept(reply, version, now))
        return reply

    def _signer(self, request: Request) -> OcspSigner | None:
        issuers = {each.issuer for each in request.certificates}
        for signer in self._signers.ocsp_signers:
            if issuers <= signer.issuer_ids:
                return signer
        return None

    def _find(self, key: bytes, version: int) -> Reply | None:
        now = self._clock.now()
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            # One from the future is from before the clock was put right.
            until = min(kept.made_at + _REUSED, kept.reply.next_update or now)
            if kept.version != version or not kept.made_at <= now < until:
                del self._kept[key]
                return None
            self._kept.move_to_end(key)
        return kept.reply

    def _keep(self, key: bytes, kept: _Kept) -> None:
        with self._lock:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > self._most_cached:
                self._kept.popitem(last=False)


def _may_be_kept(request: Request) -> bool:
    return request.nonce is None and len(request.certificates) == 1


def _answer(
    request: Request, found: Mapping[int, Status], now: datetime, until: datetime
) -> Answer:
    """Return what is answered, good for an hour and no longer than who signs it."""
    now = now.replace(microsecond=0)
    return Answer(
        statuses=[(each, found[each.serial]) for each in request.certificates],
        produced_at=now,
        this_update=now - profiles.BACKDATE,
        next_update=min(now + LIFETIME, until),
        nonce=request.nonce,
    )
