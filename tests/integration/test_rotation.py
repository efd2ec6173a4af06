"""CAs are replaced while people connect: a real CA, edge, tunnel and PostgreSQL."""

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("what", "hierarchy"),
    [
        ("root", "user"),
        pytest.param("issuing", "user", marks=pytest.mark.soak),
        pytest.param("root", "server", marks=pytest.mark.soak),
        pytest.param("issuing", "server", marks=pytest.mark.soak),
    ],
)
def test_nobody_loses_access(rotating, what, hierarchy) -> None:
    rotating.connect_all_the_time()
    name = rotating.start(what, hierarchy)
    # The edge tries itself; the host was not told yet, and holds all up.
    assert "host:db1 lags since" in rotating.refused(name)
    rotating.refresh()
    rotating.ready(name)
    assert rotating.advance(name) == "issue-new"
    rotating.everyone_renews()
    rotating.refresh()
    rotating.ready(name)
    assert rotating.advance(name) == "trust-new"
    rotating.refresh()
    rotating.ready(name)
    assert rotating.advance(name) == "done"
    rotating.nobody_was_locked_out()
