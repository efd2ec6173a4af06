import pytest

from pgward.hba.ways.finding import Reach
from pgward.hba.ways.reaching import reach_of


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Reach(tls=False, network=True, remote=False)),
        ({"ssl": "On", "listen_addresses": "*"}, Reach()),
        ({"ssl": "yes", "listen_addresses": ""}, Reach(True, False, False)),
        ({"listen_addresses": "127.0.0.1, ::1"}, Reach(False, True, False)),
        ({"listen_addresses": "localhost, 10.0.0.1"}, Reach(False, True, True)),
        ({"listen_addresses": '"db1"'}, Reach(False, True, True)),
    ],
)
def test_what_the_settings_offer(values, expected) -> None:
    assert reach_of(values) == expected
