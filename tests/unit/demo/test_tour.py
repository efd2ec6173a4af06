from pathlib import Path
from types import SimpleNamespace

import pytest

from pgward.demo import proofs, tour
from pgward.demo.errors import DemoError
from pgward.demo.layout import Layout
from pgward.demo.proofs import Cut, TlsRow
from pgward.demo.story import Story

SITE = SimpleNamespace(
    psql=None,
    me=SimpleNamespace(serial=0x4F),
    native="native",
    tunnel=SimpleNamespace(conninfo="tunnel"),
    edge=None,
    cluster=None,
)
SHOP = SimpleNamespace(layout=Layout(Path("/demo")))
PROOFS = {
    "fill": None,
    "query": TlsRow({"count": 2}, {"version": "TLSv1.3", "client_dn": "/CN=alice"}),
    "without_certificate": "FATAL: no certificate",
    "become_stranger": None,
    "stranger": "unknown ca",
    "revocation": Cut(0.4, "EOF", "blocked"),
    "refused_next": "your account is blocked",
    "refused_natively": "certificate revoked",
}


@pytest.fixture
def order(monkeypatch):
    done = []
    for name, value in PROOFS.items():
        monkeypatch.setattr(
            proofs, name, lambda *_, name=name, value=value, **__: (done.append(name), value)[1]
        )
    return done


def test_every_proof_is_shown(order):
    told = []
    tour.walk(SHOP, SITE, Story(told.append))
    assert order == [
        *("fill", "query", "query", "without_certificate", "become_stranger", "stranger"),
        *("revocation", "refused_next", "refused_natively"),
    ]
    text = "\n".join(told)
    for words in ("FATAL: no certificate", "the edge refuses: unknown ca", "ended 0.40 s after"):
        assert words in text


def test_the_first_that_does_not_hold_ends_it(order, monkeypatch):
    def let_in(*_):
        raise DemoError("a certificate of another CA was let in")

    monkeypatch.setattr(proofs, "stranger", let_in)
    with pytest.raises(DemoError, match="was let in"):
        tour.walk(SHOP, SITE, Story([].append))
    assert "revocation" not in order
