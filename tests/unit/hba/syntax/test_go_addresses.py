from ipaddress import ip_address

import pytest

from pgward.hba.syntax import go_addresses
from pgward.hba.syntax.addresses import Network


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.1.2.3/08", "10.0.0.0/8"),
        ("::ffff:1.2.3.4/96", "0.0.0.0/0"),
        ("::ffff:1.2.3.4/90", "::ffc0:0:0/90"),
        ("10.1/8", None),
        ("010.0.0.1/8", None),
        ("0x0a.0.0.1/8", None),
        ("10.0.0.1/33", None),
        ("10.0.0.1/+8", None),
        ("10.0.0.1/", None),
        ("10.0.0.1/99999999999999999999", None),
        ("fe80::1%eth0/64", None),
        ("\u0661.0.0.1/8", None),
    ],
)
def test_cidr(text, network) -> None:
    found = go_addresses.cidr(text)
    assert (None if found is None else str(found)) == network


def test_an_ipv4_client_is_never_in_ipv6_but_in_what_is_written_so() -> None:
    client = ip_address("10.0.0.9")
    mapped, every = go_addresses.cidr("::ffff:10.0.0.0/104"), go_addresses.cidr("::/0")
    assert mapped is not None
    assert every is not None
    assert mapped.holds(client)
    assert not every.holds(client)


def test_masks() -> None:
    ten, v6 = ip_address("10.1.2.3"), ip_address("fe80::1")
    assert go_addresses.masked(ten, ip_address("255.0.0.0")) == Network(0x0A010203, 0xFF000000, 32)
    assert go_addresses.masked(ten, ip_address("255.0.255.0")) is None
    assert str(go_addresses.masked(v6, ip_address("ffff::"))) == "fe80::/16"
    with pytest.raises(ValueError, match="32"):
        go_addresses.masked(ten, ip_address("ffff::"))
