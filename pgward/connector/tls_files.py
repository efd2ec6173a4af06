"""Files for libpq, which takes roots and certificates from nowhere else."""

import hashlib
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pgward.client.certificates import NewCertificate
from pgward.connector.assignment import SYSTEM_ROOTS, ServerSettings
from pgward.connector.conninfo import VERIFYING
from pgward.core.errors import NotFoundError
from pgward.system.files import atomic_write, private_dir, write_new

PLACE: Final = "tls"
# Debian, Red Hat, SUSE, Alpine and BSD; Go's crypto/x509 looks there, too.
_SYSTEM_FILES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class TlsFiles:
    """Gives paths; ``own_roots`` is the file with pgward's roots for servers."""

    def __init__(self, directory: Path, own_roots: Callable[[], Path]) -> None:
        self._directory = private_dir(directory / PLACE)
        self._own_roots = own_roots

    def roots(self, settings: ServerSettings) -> str | None:
        """Return the roots by which a server is verified, None where it is not.

        Raises StorageError; NotFoundError when this machine has no roots of its own.
        """
        if settings.ssl_mode not in VERIFYING:
            return None
        if settings.ssl_root_cert is None:
            return str(self._own_roots())
        if settings.ssl_root_cert == SYSTEM_ROOTS:
            return str(system_roots())
        data = settings.ssl_root_cert.encode()
        path = self._directory / f"{hashlib.sha256(data).hexdigest()[:32]}.pem"
        if not path.exists():
            atomic_write(path, data)
        return str(path)

    @contextmanager
    def certificate(self, made: NewCertificate) -> Iterator[tuple[str, str]]:
        """Give a certificate and its key as files, which are gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self._directory, prefix="login-") as directory:
            cert, key = Path(directory) / "login.crt", Path(directory) / "login.key"
            write_new(cert, made.chain)
            write_new(key, made.key_pem)
            yield str(cert), str(key)


def system_roots() -> Path:
    """Return the file with the roots that this machine trusts; raise NotFoundError."""
    paths = ssl.get_default_verify_paths()
    places = [paths.openssl_cafile, *_SYSTEM_FILES]
    if paths.cafile:  # None where the file is not there, whatever its type says
        places.insert(0, paths.cafile)
    for each in places:
        if Path(each).is_file():
            return Path(each)
    raise NotFoundError(
        "this machine has no file of certificates that it trusts",
        hint="install ca-certificates, set SSL_CERT_FILE, or put the roots into sslRootCert",
    )
