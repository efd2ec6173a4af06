"""How long a CRL takes, and how fast OCSP answers: ``python -m bench.revocation``.

Everything in this process: a CA on an SQLite store, so many revoked certificates in it, and the
responder without HTTP around it.
"""

import argparse
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from pgward.ca import hierarchy
from pgward.ca import store as stores
from pgward.ca.authority import Authority
from pgward.ca.hierarchy import Hierarchies, Hierarchy
from pgward.ca.records import CaName
from pgward.ca.revoking import crl_maker
from pgward.ca.revoking.ocsp_responder import OcspResponder
from pgward.ca.revoking.served_crls import ServedCrls
from pgward.ca.settings import Settings
from pgward.ca.store import Store
from pgward.ca.store.certificates import SqlCertificates
from pgward.ca.store.freshness import Freshness
from pgward.ca.store.schema import certificates
from pgward.ca.store.statuses import SqlStatuses
from pgward.core.clock import SystemClock
from pgward.pki import ocsp as responder_ids

_NAME = "user-issuing"
_CHUNK = 10_000


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.revocation", description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args(argv)
    with _authority() as (authority, store):
        serials = _fill(store, options.entries)
        for _ in range(options.rounds):
            _crl(authority, store)
        _ocsp(authority, store, serials, options.requests)


def _crl(authority: Authority, store: Store) -> None:
    clock, ca = authority.clock, authority.standing.issuing(CaName.USER_ISSUING)
    now = clock.now()
    records = SqlCertificates(store, clock)
    revocations = _timed(
        "read from the store", lambda: records.revocations(_NAME, expired_after=now)
    )
    made = _timed(
        f"build, lint, sign and verify {len(revocations):,} entries",
        lambda: crl_maker.sign(
            *(_NAME, ca.certificate, ca.signer),
            now=now,
            next_update=now + timedelta(days=7),
            number=1,
            revocations=revocations,
        ),
    )
    print(f"{'':>44} {len(made.der) / 1e6:.1f} MB")
    _timed("publish: all of it, and stored", lambda: authority.publish_crls([_NAME]))
    served = ServedCrls(authority, Freshness(store))
    _timed("encode to serve, once", lambda: served.get(_NAME))
    _timed("serve, each time", lambda: served.known(_NAME))


def _ocsp(authority: Authority, store: Store, serials: Sequence[int], count: int) -> None:
    fresh = Freshness(store)
    responder = OcspResponder(authority, SqlStatuses(store), fresh, authority.clock)
    issuer = authority.standing.issuing(CaName.USER_ISSUING).certificate
    plain = [_request(issuer, serial) for serial in serials[:count]]
    nonces = [_request(issuer, serial, secrets.token_bytes(32)) for serial in serials[:count]]
    responder.respond(plain[0])  # the delegate's certificate
    _rate("OCSP with a nonce", responder.respond, nonces)
    _rate("OCSP without, the first time", responder.respond, plain)
    fresh.version()
    _rate("OCSP without, again", responder.at_once, plain)


def _request(issuer: x509.Certificate, serial: int, nonce: bytes | None = None) -> bytes:
    (_, name_hash, key_hash) = next(
        each
        for each in responder_ids.issuer_ids(issuer)
        if len(each[1]) == hashes.SHA256.digest_size
    )
    asked = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        name_hash, key_hash, serial, hashes.SHA256()
    )
    if nonce is not None:
        asked = asked.add_extension(x509.OCSPNonce(nonce), critical=False)
    return asked.build().public_bytes(Encoding.DER)


def _timed(what: str, do: Callable[[], Any]) -> Any:
    began, cpu = time.perf_counter(), time.process_time()
    result = do()
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    print(f"{what:>44} {wall * 1000:8.1f} ms, {used * 1000:8.1f} ms of CPU")
    return result


def _rate(what: str, do: Callable[[bytes], object], requests: Sequence[bytes]) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    for each in requests:
        do(each)
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    print(
        f"{what:>44} {len(requests) / wall:8,.0f} /s, {used / len(requests) * 1e6:8.0f} us of CPU"
    )


@contextmanager
def _authority() -> Iterator[tuple[Authority, Store]]:
    clock, made = SystemClock(), []
    for root, issuing in (
        (CaName.USER_ROOT, CaName.USER_ISSUING),
        (CaName.SERVER_ROOT, CaName.SERVER_ISSUING),
    ):
        new = hierarchy.create("bench", root, issuing, clock.now())
        made.append(Hierarchy(new.root.certificate, new.issuing.as_issuing()))
    with tempfile.TemporaryDirectory(prefix="pgward-bench-") as directory:
        store = stores.create(f"sqlite:///{directory}/ca.db")
        authority = Authority(Settings(), Hierarchies(*made), SqlCertificates(store, clock), clock)
        try:
            yield authority, store
        finally:
            authority.close()
            store.close()


def _fill(store: Store, count: int) -> list[int]:
    now = SystemClock().now()
    serials = [secrets.randbits(159) | 1 << 150 for _ in range(count)]
    rows = [
        {
            "serial": f"{serial:x}",
            "ca": _NAME,
            "kind": "person",
            "subject": "bench",
            "dns": [],
            "ips": [],
            "session_id": None,
            "key_sha256": "",
            "not_before": now,
            "not_after": now + timedelta(hours=1),
            "state": "revoked",
            "created_at": now,
            "revoked_at": now - timedelta(minutes=5, seconds=number % 3600),
            "reason": "superseded",
            "der": bytes(700),
        }
        for number, serial in enumerate(serials)
    ]
    for start in range(0, count, _CHUNK):
        with store.write() as transaction:
            transaction.execute(sa.insert(certificates), rows[start : start + _CHUNK])
    return serials


if __name__ == "__main__":
    main()
