import pytest

from pgward.client.config.formats import go
from tests.fixtures.golden_configs import FACTS, TUNNEL


def test_hostaddr_is_not_sent_to_the_server_as_a_setting():
    for render in (go.pgx, go.pgx_v4, go.lib_pq):
        assert "hostaddr" not in render(TUNNEL)


def test_pgx_comes_in_two_versions():
    assert go.pgx(TUNNEL).replace("pgx/v5", "pgx/v4") == go.pgx_v4(TUNNEL)


@pytest.mark.parametrize(
    ("title", "dials", "reads"),
    [("tunnel", True, True), ("native", False, True), ("disable", True, False)],
)
def test_only_what_is_used_is_imported(title, dials, reads):
    text = go.pgx(FACTS[title])
    assert ('\t"net"\n' in text, "net.Dialer" in text) == (dials, dials)
    assert ('\t"crypto/tls"\n' in text, "GetClientCertificate" in text) == (reads, reads)
    assert ("connector.Dialer" in go.lib_pq(FACTS[title])) is dials


def test_a_mode_that_promises_nothing_is_one_that_the_drivers_know():
    assert "sslmode=require" in go.lib_pq(FACTS["prefer"])
