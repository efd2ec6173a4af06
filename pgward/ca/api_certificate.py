"""The certificate of the authority's own HTTPS listener: issued to itself, renewed in place."""

import ssl
import tempfile
from datetime import datetime
from pathlib import Path

from pgward.ca.authority import Authority
from pgward.ca.records import CaName, Kind
from pgward.pki import csr, keys, pem
from pgward.system import files

_NAME = "ca"


class ApiCertificate:
    """Keeps a TLS context supplied; new handshakes take a new certificate, old ones go on."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self.context = _context()
        self.not_after = self._install()

    def is_valid(self) -> bool:
        """Tell whether clients accept it now."""
        return self._start <= self._authority.clock.now() < self.not_after

    def renew_if_due(self) -> bool:
        """Issue and install a new certificate when a third of its life or less is left.

        Also when it is not valid yet, for the clock went ahead and was put right; and when
        another CA issues since a rotation.
        """
        known = self._authority.standing.generations
        issuing = known.current(CaName.SERVER_ISSUING).certificate
        if self._start <= self._authority.clock.now() < self._due and self._issuer == issuing:
            return False
        self.not_after = self._install()
        return True

    def _install(self) -> datetime:
        key = keys.generate()
        names = self._authority.settings.ca
        issued = self._authority.issue_server(
            csr.make(key), kind=Kind.API, name=_NAME, dns=names.dns, ips=names.ips
        )
        chain = [issued.certificate, *issued.chain]
        self._issuer = issued.chain[0]
        _load(self.context, keys.to_pem(key, None), pem.join(chain))
        self._start = issued.certificate.not_valid_before_utc
        end = issued.certificate.not_valid_after_utc
        self._due = end - (end - self._start) / 3
        return end


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load(context: ssl.SSLContext, key: bytes, chain: bytes) -> None:
    """Load from a private directory that is gone afterwards: OpenSSL reads files only."""
    with tempfile.TemporaryDirectory(prefix="pgward-") as directory:
        path = Path(directory) / "api.pem"
        files.write_new(path, key + chain)
        context.load_cert_chain(path)
