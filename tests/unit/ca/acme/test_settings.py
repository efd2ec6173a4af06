import pytest

from pgward.ca.acme.settings import AcmeSettings
from pgward.ca.settings import Settings
from pgward.core.errors import InvalidInputError


def test_from_the_start_accounts_need_a_key_and_loopback_is_refused():
    found = AcmeSettings()
    assert (found.enabled, found.external_account_required) == (True, True)
    assert (found.http_port, found.tls_port) == (80, 443)
    assert {"127.0.0.0/8", "169.254.0.0/16", "fe80::/10"} <= set(found.refuse_networks)
    found.check()


def test_settings_are_read_and_written():
    text = """
[acme]
enabled = false
external_account_required = false
dns = ["*.db.test"]
http_port = 8080
refuse_networks = []
addresses = ["DB1.test=10.0.0.5"]
"""
    found = Settings.parse(text)
    assert found.acme.fixed_addresses == {"db1.test": "10.0.0.5"}
    assert Settings.parse(found.dump()) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("enabled = 1", "enabled must be true or false"),
        ("external_account_required = false", "accounts without a key may ask for nothing"),
        ("dns = ['a_b']", "not a DNS name"),
        ("ips = ['x']", "not an IP address or network"),
        ("terms = 'x'", "terms must be an address"),
        ("http_port = 0", "http_port must be 1 to 65535"),
        ("orders_per_hour = 0", "orders_per_hour must be"),
        ("refuse_networks = ['x']", "'x' is not a network"),
        ("addresses = ['a.test']", "is not an IP address"),
        ("addresses = ['a_b=10.0.0.1']", "not a DNS name"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(InvalidInputError, match=message):
        Settings.parse(f"[acme]\n{text}")
