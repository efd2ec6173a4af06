from ipaddress import ip_interface

import pytest

from pgward.hba.server.interfaces import interfaces, read


@pytest.mark.parametrize(
    ("address", "mask", "found"),
    [
        ("10.0.0.5", "255.255.255.0", "10.0.0.5/24"),
        ("fe80::1%eth0", "ffff:ffff:ffff:ffff::", "fe80::1/64"),
        ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1/128"),
        ("10.0.0.5", None, "10.0.0.5/32"),
    ],
)
def test_addresses_as_the_system_gives_them(address, mask, found) -> None:
    assert read(address, mask) == ip_interface(found)


def test_a_network_card_is_no_address() -> None:
    assert read("00:00:5e:00:53:01", None) is None


def test_this_machine_has_loopback() -> None:
    assert any(each.ip.is_loopback for each in interfaces())
