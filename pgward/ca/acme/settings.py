"""The section ``[acme]`` of ``pgward.toml``."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from pgward.ca.acme.identifiers import Allowed
from pgward.core import names
from pgward.core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class AcmeSettings:
    """The ACME server (docs/how-to/acme.md): who may ask for what, and how hosts are checked."""

    enabled: bool = True
    external_account_required: bool = True
    # What accounts without an external account key may ask for, if there may be such.
    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    terms: str = ""
    http_port: int = 80
    tls_port: int = 443
    refuse_networks: tuple[str, ...] = (
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
        # Where clouds answer machines that ask for their secrets.
        *("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128"),
        *("::/127", "fe80::/10", "ff00::/8"),
    )
    addresses: tuple[str, ...] = ()
    orders_per_hour: int = 100
    failures_per_hour: int = 30

    def check(self) -> None:
        """Raise InvalidInputError."""
        allowed = Allowed.checked(self.dns, self.ips)
        if not self.external_account_required and not allowed.dns and not allowed.ips:
            raise InvalidInputError(
                "accounts without a key may ask for nothing", hint="list names in dns, or ips"
            )
        if self.terms and not self.terms.startswith(("https://", "http://")):
            raise InvalidInputError(f"terms must be an address, not {self.terms!r}")
        for name in ("http_port", "tls_port"):
            _check_number(name, getattr(self, name), 65535)
        for name in ("orders_per_hour", "failures_per_hour"):
            _check_number(name, getattr(self, name), 1_000_000)
        for network in self.refuse_networks:
            _check_network(network)
        _ = self.fixed_addresses

    @property
    def fixed_addresses(self) -> dict[str, str]:
        """``addresses`` (``db1.example.com=10.0.0.5``) by name."""
        found = {}
        for entry in self.addresses:
            name, _, address = entry.partition("=")
            _check_ip(address)
            found[names.dns_name(name)] = address
        return found


def _check_number(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise InvalidInputError(f"{name} must be 1 to {most}, not {value}")


def _check_network(text: str) -> None:
    try:
        ip_network(text)
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is not a network", hint="such as 10.0.0.0/8") from error


def _check_ip(text: str) -> None:
    try:
        ip_address(text)
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is not an IP address") from error
