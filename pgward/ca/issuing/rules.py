"""What certificate profiles say for one certificate, put together: pure, and strict.

Limits hold all at once: the shortest lifetime, only the keys that every profile allows, only
names that every profile permits. What a profile adds (another purpose, an alternative name) is
added only when every profile that applies adds it. So no profile can loosen another.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import reduce
from ipaddress import ip_address, ip_network

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from pgward.ca.issuing.profiles import Profile
from pgward.core import names
from pgward.core.errors import DeniedError, InvalidInputError

KEY_ALGORITHMS = ("P-256", "P-384", "Ed25519", "RSA-2048", "RSA-3072", "RSA-4096")


@dataclass(frozen=True, slots=True)
class Rules:
    """One profile's rules, or several put together; None and () where there is no rule.

    ``alt_names`` are templates (`templates`). ``permitted`` holds one list for each profile that
    has one, and a name must be in each of them: DNS names (``*.example.com`` for all below) and
    networks.
    """

    profiles: tuple[str, ...] = ()
    lifetime: timedelta | None = None
    max_lifetime: timedelta | None = None
    backdate: timedelta | None = None
    key_algorithms: tuple[str, ...] | None = None
    extra_purposes: tuple[str, ...] = ()
    alt_names: tuple[str, ...] = ()
    permitted: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[str, ...] = ()

    def lifetime_for(self, wanted: timedelta | None, default: timedelta) -> timedelta:
        """Return how long a certificate may live; DeniedError when more is wanted."""
        usual = self.lifetime or default
        most = self.max_lifetime or usual
        if wanted is None:
            return min(usual, most)
        if wanted > most:
            raise self._denied(f"a lifetime of {wanted} is not allowed", f"at most {most}")
        return wanted

    def narrow(self, profile: Profile) -> Profile:
        """Return the profile under these rules."""
        purposes = tuple(x509.ObjectIdentifier(oid) for oid in self.extra_purposes)
        return replace(
            profile,
            max_lifetime=min(profile.max_lifetime, self.max_lifetime or profile.max_lifetime),
            backdate=profile.backdate if self.backdate is None else self.backdate,
            extra_purposes=(*profile.extra_purposes, *purposes),
        )

    def check_key(self, key: CertificatePublicKeyTypes) -> None:
        """Raise DeniedError for a key that is not allowed."""
        if self.key_algorithms is None:
            return
        if not any(_is_of(key, algorithm) for algorithm in self.key_algorithms):
            allowed = ", ".join(self.key_algorithms) or "none: the profiles allow different ones"
            raise self._denied("this kind of key is not allowed", f"allowed are {allowed}")

    def check_names(self, wanted: Iterable[str]) -> None:
        """Raise DeniedError for a DNS name or IP address that is not allowed."""
        for name in wanted:
            # A wildcard stands for the names that it covers, so these must not be excluded either.
            if any(_covers(each, name) or _covers(name, each) for each in self.excluded):
                raise self._denied(f"the name {name} is excluded", None)
            for permitted in self.permitted:
                if not any(_covers(pattern, name) for pattern in permitted):
                    raise self._denied(
                        f"the name {name} is not permitted", f"permitted are {', '.join(permitted)}"
                    )

    def _denied(self, what: str, hint: str | None) -> DeniedError:
        return DeniedError(f"{what} by certificate profile {', '.join(self.profiles)}", hint=hint)


NO_RULES = Rules()


def strictest(rules: Sequence[Rules]) -> Rules:
    """Put the rules of all profiles that apply together, in any order."""
    return reduce(_both, rules[1:], rules[0]) if rules else NO_RULES


def _both(one: Rules, other: Rules) -> Rules:
    return Rules(
        profiles=tuple(sorted({*one.profiles, *other.profiles})),
        lifetime=_least(one.lifetime, other.lifetime),
        max_lifetime=_least(one.max_lifetime, other.max_lifetime),
        backdate=_least(one.backdate, other.backdate),
        key_algorithms=_common(one.key_algorithms, other.key_algorithms),
        extra_purposes=_common(one.extra_purposes, other.extra_purposes) or (),
        alt_names=_common(one.alt_names, other.alt_names) or (),
        permitted=(*one.permitted, *other.permitted),
        excluded=tuple(sorted({*one.excluded, *other.excluded})),
    )


def _least(*values: timedelta | None) -> timedelta | None:
    return min((value for value in values if value is not None), default=None)


def _common(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    return tuple(value for value in one if value in other)


def _is_of(key: CertificatePublicKeyTypes, algorithm: str) -> bool:
    return _KINDS[algorithm.partition("-")[0]](key, algorithm)


def _is_curve(key: CertificatePublicKeyTypes, algorithm: str) -> bool:
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, curves[algorithm])


def _is_rsa(key: CertificatePublicKeyTypes, algorithm: str) -> bool:
    """Tell whether it is an RSA key of at least the bits that the name gives."""
    return isinstance(key, rsa.RSAPublicKey) and key.key_size >= int(algorithm[4:])


_KINDS: dict[str, Callable[[CertificatePublicKeyTypes, str], bool]] = {
    "P": _is_curve,
    "RSA": _is_rsa,
    "Ed25519": lambda key, _algorithm: isinstance(key, ed25519.Ed25519PublicKey),
}


def _covers(pattern: str, name: str) -> bool:
    """Tell whether a DNS pattern or a network covers a DNS name (may be a wildcard) or address.

    ``*.example.com`` covers every name below example.com, as RFC 5280 section 4.2.1.10 has
    it for name constraints, and not example.com itself.
    """
    try:
        return ip_address(name) in ip_network(pattern, strict=False)
    except ValueError:
        pass
    if pattern.startswith("*."):
        return name.lower().endswith(pattern[1:].lower())
    return name.lower() == pattern.lower()


def check_pattern(pattern: str) -> str:
    """Return a pattern that ``check_names`` understands; raise InvalidInputError."""
    try:
        return str(ip_network(pattern))
    except ValueError:
        pass
    try:
        return names.dns_name(pattern, wildcard=True)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{pattern!r} is neither a DNS name nor a network",
            hint="for example db1.example.com, *.example.com or 10.0.0.0/8",
        ) from error
