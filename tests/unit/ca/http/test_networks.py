import pytest

from pgward.ca.http import networks
from pgward.core.errors import InvalidInputError

PROXIES = networks.parse(["10.0.0.0/8", "2001:db8::1"])


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", 0x20010DB800010002),
        ("2001:db8:1:2:ffff::", 0x20010DB800010002),
        ("testclient", "testclient"),
        (None, None),
    ],
)
def test_what_counts_as_one_caller(address, key):
    assert networks.key(address) == key


@pytest.mark.parametrize(
    ("address", "inside"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("2001:db8::1", True)]
    + [(other, False) for other in ("11.0.0.1", "2001:db8::2", "x", None, "")],
)
def test_who_is_in_a_network(address, inside):
    assert networks.contains(PROXIES, address) is inside


@pytest.mark.parametrize("text", ["10.0.0.1/8", "ca.example.com", "", "10.0.0.0/33"])
def test_what_is_no_network(text):
    with pytest.raises(InvalidInputError, match="is no address and no network"):
        networks.parse([text])


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.7, 10.0.0.9", "192.0.2.7"),
        # Whoever asks may begin the header with anything.
        ("10.0.0.1", "127.0.0.1, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "10.0.0.5, 192.0.2.7, 10.0.0.9", "192.0.2.7"),
        ("10.0.0.1", "10.0.0.5", "10.0.0.5"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7, nonsense", "10.0.0.1"),
        ("192.0.2.9", "192.0.2.7", "192.0.2.9"),
        (None, "192.0.2.7", None),
    ],
)
def test_who_really_asks(peer, header, client):
    assert networks.forwarded(PROXIES, peer, header) == client
