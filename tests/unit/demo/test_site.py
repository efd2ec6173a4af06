from pathlib import Path
from types import SimpleNamespace

from pgward.core.address import Address
from pgward.demo import parts, site
from pgward.demo.parts import Authority, Edge, Identity, Tunnel
from pgward.demo.story import Story

CLUSTER = SimpleNamespace(host="127.0.0.1", port=5, version=15)


def test_every_part_is_set_up_in_order_and_told(monkeypatch):
    order, told = [], []

    def fake(name, value=None):
        monkeypatch.setattr(parts, name, lambda *_: (order.append(name), value)[1])

    fake("database", CLUSTER)
    fake("authority", Authority("https://ca", "SHA256:ab", None))
    fake("configure")
    fake("service")
    fake("edge", Edge(Address("127.0.0.1", 7), None))
    fake("add_person", Identity(255, "/c", "/k", "/ca"))
    fake("tunnel", Tunnel(Address("127.0.0.1", 6), "host=db", None))
    monkeypatch.setattr(site.Psql, "near", lambda *_: "psql")
    made = site.build(SimpleNamespace(crew=None, layout=Path()), Story(told.append))
    assert order == [
        *("database", "authority", "configure", "service", "edge", "add_person", "tunnel")
    ]
    assert made.psql == "psql"
    assert made.native.startswith("host=db.demo.pgward.test hostaddr=127.0.0.1 port=5 ")
    assert any("127.0.0.1:6 => mutual TLS 1.3 => 127.0.0.1:7" in line for line in told)
    assert any("login certificate ff;" in line for line in told)
