import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from pgward.core.address import Address
from pgward.demo import proofs
from pgward.demo.crew import Done
from pgward.demo.errors import DemoError
from pgward.demo.parts import Edge, Identity, Tunnel

ME = Identity(255, "/h/c", "/h/k", "/h/ca")
ROW = {"client_dn": "/CN=alice", "client_serial": 255, "version": "TLSv1.3"}
TUNNEL = Tunnel(Address("127.0.0.1", 6), "host=db", None)


class FakePsql:
    """Answers with a pg_stat_ssl row, refuses with a text, and keeps what it was given."""

    def __init__(self, row=ROW, said="refused"):
        self.row, self.said, self.asked = row, said, []

    def query(self, _where, sql):
        return json.dumps(self.row if "pg_stat_ssl" in sql else {"count": 2})

    def refused(self, where, because, *, what):
        self.asked.append((where, because, what))
        return self.said


def shop(problem="your account is blocked"):
    status = Done(0, json.dumps([{"problem": problem}]), "")
    return SimpleNamespace(person=lambda *_: status, admin=lambda *_: None)


def test_the_row_must_be_that_of_our_certificate():
    found = proofs.query(FakePsql(), "host=db", ME)
    assert (found.answer, found.row) == ({"count": 2}, ROW)


@pytest.mark.parametrize(
    ("field", "value"),
    [("client_dn", "/CN=bob"), ("client_serial", 254), ("client_serial", None), ("version", None)],
)
def test_any_other_row_is_an_error(field, value):
    with pytest.raises(DemoError, match=rf"pg_stat_ssl\.{field} is {value!r}"):
        proofs.query(FakePsql({**ROW, field: value}), "host=db", ME)


def test_no_certificate_is_shown_by_naming_a_file_that_is_not_there():
    psql = FakePsql()
    assert proofs.without_certificate(psql, "host=db sslcert=/a", Path("/none")) == "refused"
    ((where, because, _),) = psql.asked
    assert where == "host=db sslcert=/a sslcert=/none"
    assert because == "connection requires a valid client certificate"


def test_the_stranger_asks_the_edge_itself():
    psql = FakePsql()
    proofs.stranger(psql, Edge(Address("127.0.0.1", 7), None), ME)
    ((where, because, _),) = psql.asked
    assert where.startswith("host=127.0.0.1 port=7 user=alice ")
    assert because == "unknown ca"


def test_a_revocation_is_timed_and_told_by_both_ends(monkeypatch, tmp_path):
    log = tmp_path / "log"
    log.write_text("EOF detected\nconnection was lost\n")
    psql = SimpleNamespace(work=lambda _: SimpleNamespace(log=log))
    monkeypatch.setattr(proofs, "wait_for_end", lambda _session, _since, limit: limit / 10)
    cut = proofs.revocation(shop(), psql, TUNNEL, reason="left")
    assert cut == proofs.Cut(0.5, "EOF detected; connection was lost", "your account is blocked")


def test_the_next_connection_is_refused_for_the_right_reason():
    assert proofs.refused_next(shop(), FakePsql(), TUNNEL) == "your account is blocked"
    with pytest.raises(DemoError, match="gives another reason: the edge is stopping"):
        proofs.refused_next(shop("the edge is stopping"), FakePsql(), TUNNEL)


def test_postgresql_refuses_once_it_has_the_new_list(monkeypatch):
    order = []
    monkeypatch.setattr(proofs.parts, "refresh", lambda *_: order.append("refresh"))
    psql = FakePsql()
    psql.refused = lambda _, because, *, what: order.append((because, what))
    proofs.refused_natively(shop(), psql, None, "host=db")
    assert order == ["refresh", ("certificate revoked", "a revoked certificate")]
