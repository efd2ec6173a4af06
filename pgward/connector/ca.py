"""What a connector asks the CA for, over its machine identity.

Each raises DeniedError and NotFoundError (the CA says no), UnavailableError.
"""

import math
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from pgward.client.certificates import NewCertificate
from pgward.client.duties import Duties
from pgward.client.machine import Machine
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import UnavailableError
from pgward.pgwire.errors import WireError
from pgward.pgwire.scram import Verifier
from pgward.pki import csr, keys

ORDERS_SECONDS: Final = 60.0
"""How often it is asked whether a CA is being replaced."""
_WANTED = "/v1/connector/wanted"
_REPORT = "/v1/connector/report"
_SECRET = "/v1/connector/secret"  # noqa: S105 - a path
_CERTIFICATE = "/v1/connector/certificate"
_VERIFIERS = "/v1/connector/passwords"
_MOST_VERIFIERS = 100  # a millisecond each for the CA


class ConnectorCa:
    """The CA; threads may share it."""

    def __init__(
        self, machine: Machine, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._machine = machine
        self._monotonic = monotonic
        self._orders_at = -math.inf
        self.name = machine.name

    def renew_if_due(self) -> bool:
        """Renew the connector's certificate when a third of its life is left.

        Or when a CA is being replaced, and says so: the roots to trust come with the new one.
        """
        leaf = self._machine.leaf
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        renewed = self._machine.ensure_certificate(life / 3 + timedelta.resolution)
        if self._monotonic() - self._orders_at < ORDERS_SECONDS:
            return renewed
        if Duties(self._machine).ask().renew:
            # An edge beside us may have renewed it: what is on disk is asked about first.
            if not self._machine.reload():
                self._machine.renew()
            return True
        self._orders_at = self._monotonic()
        return renewed

    def wanted(self, after: int, tag: str | None, wait: float) -> dict[str, Any]:
        """Return what is wanted of us once it is another than ``tag``; nothing in vain.

        ``after`` and ``tag`` are the last answer's.
        """
        fields = {"after": after} | ({} if tag is None else {"tag": tag})
        return self._machine.wait_for(_WANTED, fields, wait)

    def report(self, body: Mapping[str, Any]) -> None:
        """Tell what came of it; raises as any call, UnacceptableError and the like for ever."""
        self._machine.call("POST", _REPORT, body)

    def secret(self, integration: str, refused: int | None = None) -> tuple[int, bytes]:
        """Return the password of an integration's account, where the CA keeps it, and its version.

        Where PostgreSQL ``refused`` the version in use, it is the one that is on its way, if any.
        """
        body = {"integration": integration} | ({} if refused is None else {"refused": refused})
        reply = self._machine.call("POST", _SECRET, body)
        try:
            return int(reply["version"]), b64decode(reply["value"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise UnavailableError(
                "the CA's answer cannot be read", hint="look at the CA's version"
            ) from None

    def verifiers(self, integration: str, passwords: Mapping[str, int]) -> dict[str, str]:
        """Return verifiers (RFC 5803's text) of passwords of access roles, of these versions.

        Those that are not to be any more are left out.
        """
        found: dict[str, str] = {}
        asked = sorted(passwords.items())
        for start in range(0, len(asked), _MOST_VERIFIERS):
            some = dict(asked[start : start + _MOST_VERIFIERS])
            body = {"integration": integration, "passwords": some}
            reply = self._machine.call("POST", _VERIFIERS, body)
            try:
                texts = {str(role): str(each) for role, each in reply["verifiers"].items()}
                for text in texts.values():
                    Verifier.read(text)
            except (KeyError, TypeError, ValueError, AttributeError, WireError):
                raise UnavailableError(
                    "the CA's answer cannot be read", hint="look at the CA's version"
                ) from None
            found |= texts
        return found

    def certificate(self, integration: str, seconds: int) -> tuple[NewCertificate, float]:
        """Get a certificate in the name of an integration's account; return for how many seconds.

        Its life is counted from the CA's own time, so no clock of ours plays a part.
        """
        key = keys.generate()
        body = {
            "integration": integration,
            "csr": csr.make(key).decode("ascii"),
            "seconds": seconds,
        }
        reply = self._machine.call("POST", _CERTIFICATE, body)
        made = NewCertificate.read(reply, key)
        try:
            issued_at = parse_rfc3339(reply["issued_at"])
        except (KeyError, TypeError, ValueError):
            raise UnavailableError(
                "the CA's answer cannot be read", hint="look at the CA's version"
            ) from None
        return made, min(seconds, (made.not_after - issued_at).total_seconds())
