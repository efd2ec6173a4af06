"""Certificates on their way from a checked request to the store, many in one commit.

A certificate is stored before it is signed, and handed out only when the signed form is
committed, too. Each commit waits for the disk, so whoever comes while one is under way goes
into the next one together (group commit): a lone request waits for nobody, and under load the
wait is shared.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from threading import Lock

from cryptography import x509

from pgward.ca import observe
from pgward.ca.keys.signer import Signer
from pgward.ca.records import CertificateRecord, CertificateStore, Signed
from pgward.core.errors import ConflictError, UnavailableError
from pgward.pki import certificate_der

_MOST_TOGETHER = 64  # some milliseconds of signing, during which the next ones gather


@dataclass(frozen=True, slots=True)
class Issued:
    """A signed certificate and the CAs between it and the root."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def serial_hex(self) -> str:
        """The serial number as the API and the store write it."""
        return f"{self.certificate.serial_number:x}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A certificate that passed every check; ``tbs`` is its signed part, as it was linted."""

    record: CertificateRecord
    tbs: bytes
    signer: Signer
    chain: tuple[x509.Certificate, ...]
    # Of the request that wants it: its trace shows the signature, which another thread makes.
    context: Context = field(default_factory=copy_context, repr=False)

    def sign(self) -> bytes:
        """Return the certificate in DER, with a signature over the very bytes that were linted."""
        with observe.step("sign", what=str(self.record.kind)):
            signature = self.signer.sign_bytes(self.tbs)
        return certificate_der.assemble(self.tbs, signature)


_Entry = tuple[Prepared, Future[Issued]]


class IssuanceQueue:
    """Stores, signs and stores again what is prepared; safe to use from any thread.

    ``submit`` must not be waited for inside a writing transaction of the same store: the queue
    needs the writer's place itself.
    """

    def __init__(self, store: CertificateStore) -> None:
        self._store = store
        self._lock = Lock()
        self._waiting: deque[_Entry] = deque()
        self._is_running = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="issuance")

    def submit(self, prepared: Prepared) -> Future[Issued]:
        """Return a future of the signed, stored certificate.

        It raises DeniedError (its owner was blocked meanwhile), ConflictError (the serial number
        is taken), UnavailableError (the store cannot take it) or what the signer raises.
        """
        future: Future[Issued] = Future()
        with self._lock:
            self._waiting.append((prepared, future))
            if not self._is_running:
                self._start()
        return future

    def close(self) -> None:
        """End the thread after what is under way."""
        self._thread.shutdown()

    def _start(self) -> None:
        try:
            self._thread.submit(self._run)
        except RuntimeError as error:  # closed
            self._waiting.clear()
            raise UnavailableError("the authority is stopping", hint="try again") from error
        self._is_running = True

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._issue(batch)
            except Exception as error:  # noqa: BLE001 - each of them gets it where it is waited for
                _fail(batch, error)

    def _next(self) -> list[_Entry]:
        with self._lock:
            count = min(len(self._waiting), _MOST_TOGETHER)
            self._is_running = count > 0
            return [self._waiting.popleft() for _ in range(count)]

    def _issue(self, batch: Sequence[_Entry]) -> None:
        signed = []
        for prepared, future in self._reserve(batch):
            try:
                signed.append((prepared, prepared.context.run(prepared.sign), future))
            except Exception as error:  # noqa: BLE001 - one signature's failure is its request's
                future.set_exception(error)
        if not signed:
            return
        refusals = self._store.record([Signed(each.record, der) for each, der, _ in signed])
        observe.event("issuance", len(signed))
        for prepared, der, future in signed:
            refusal = refusals.get(prepared.record.serial)
            if refusal is None:
                observe.event("issued", kind=str(prepared.record.kind))
                made = x509.load_der_x509_certificate(der)
                future.set_result(Issued(made, prepared.chain))
            else:
                future.set_exception(refusal)

    def _reserve(self, batch: Sequence[_Entry]) -> Sequence[_Entry]:
        try:
            refusals = self._store.reserve([prepared.record for prepared, _ in batch])
        except ConflictError as error:
            if len(batch) > 1:  # nothing is stored: find out whose serial number is taken
                return [each for one in batch for each in self._reserve([one])]
            _fail(batch, error)
            return []
        for prepared, future in batch:
            refusal = refusals.get(prepared.record.serial)
            if refusal is not None:
                future.set_exception(refusal)
        return [each for each in batch if each[0].record.serial not in refusals]


def _fail(batch: Sequence[_Entry], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
