"""The newest CRLs as they are served: from memory, encoded once, until the store changes."""

from dataclasses import dataclass, field
from typing import Protocol, Self

from pgward.ca.records import PublishedCrl
from pgward.pki import pem


class Crls(Protocol):
    """What finds CRLs: the authority."""

    @property
    def crl_names(self) -> tuple[str, ...]:
        """The CAs that each need a current CRL."""
        ...

    def crl(self, name: str) -> PublishedCrl:
        """Return the newest CRL of one CA; raise NotFoundError."""
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
class ServedCrl:
    """A CRL in both forms."""

    crl: PublishedCrl
    pem: bytes = field(repr=False)

    @classmethod
    def of(cls, crl: PublishedCrl) -> Self:
        """Encode a CRL."""
        return cls(crl, pem.armour("X509 CRL", crl.der))


class ServedCrls:
    """Keeps the newest CRL of each CA that was asked for; safe to call from any thread."""

    def __init__(self, source: Crls, version: Version) -> None:
        self._source = source
        self._version = version
        self._kept: dict[str, tuple[int, ServedCrl]] = {}

    def known(self, name: str) -> ServedCrl | None:
        """Return the newest CRL of a CA if no store must be asked for it, else None."""
        version, kept = self._version.known(), self._kept.get(name)
        return kept[1] if kept is not None and kept[0] == version else None

    def get(self, name: str) -> ServedCrl:
        """Return the newest CRL of a CA; raise NotFoundError. Blocks on the store."""
        version = self._version.version()  # before the look-up: never newer than what it found
        kept = self._kept.get(name)
        if kept is not None and kept[0] == version:
            return kept[1]
        crl = self._source.crl(name)
        same = kept is not None and kept[1].crl.number == crl.number
        served = kept[1] if kept is not None and same else ServedCrl.of(crl)
        self._kept[name] = (version, served)
        return served

    def every(self) -> list[ServedCrl]:
        """Return the newest CRL of each CA. Blocks on the store."""
        return [self.get(name) for name in self._source.crl_names]
