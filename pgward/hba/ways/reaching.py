"""What a server offers beside its socket, by its settings."""

from collections.abc import Mapping

from pgward.hba.syntax.addresses import numeric
from pgward.hba.ways.finding import Reach

_ON = frozenset({"on", "true", "yes", "1"})


def reach_of(values: Mapping[str, str]) -> Reach:
    """Return it by the values that are set, by names in lower case; for others the defaults."""
    listed = values.get("listen_addresses", "localhost").split(",")
    listens = [each.strip().strip('"').lower() for each in listed if each.strip()]
    return Reach(
        tls=values.get("ssl", "off").lower() in _ON,
        network=bool(listens),
        remote=not all(map(_is_loopback, listens)),
    )


def _is_loopback(host: str) -> bool:
    found = numeric(host)
    return host == "localhost" if found is None else found.is_loopback
