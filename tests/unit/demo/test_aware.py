import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from pgward.demo import aware
from pgward.demo.crew import Done
from pgward.demo.errors import DemoError
from pgward.demo.layout import Layout

RECORD = {"type": "DENIED", "user": "alice", "text": aware.DENIED, "id": "1"}
REFUSED = Done(1, "", "ERROR:  tables stay\n")
CLUSTER = SimpleNamespace(host="127.0.0.1", port=5433)


class FakeShop:
    """Answers commands in turn; its auditor tails one record."""

    def __init__(self, *answers, record=RECORD, root=Path("/demo")):
        self.layout = Layout(root)
        self.answers, self.asked = list(answers), []
        tail = SimpleNamespace(first_line=json.dumps(record))
        self.crew = SimpleNamespace(serve=lambda *_, **__: tail, stop=self.asked.append)

    def admin(self, *arguments):
        self.asked.append(" ".join(map(str, arguments)))
        return Done(0, self.answers.pop(0), "")

    person = admin


class FakePsql:
    def __init__(self, user="alice", denied=REFUSED):
        self.user, self.denied, self.refusals = user, denied, []

    def query(self, _uri, _sql):
        return json.dumps({"current_user": self.user})

    def refused(self, uri, _because, *, what):
        self.refusals.append((uri, what))

    def run(self, _uri, _sql):
        return self.denied


def otp(words="psql 'postgres://otp-1:empty@e:1/shop?a=b&c=d'"):
    return f"{words}\n"


def edges(*current):
    return json.dumps([{"current": each} for each in current])


def test_the_service_is_there_once_every_edge_has_it(tmp_path):
    shop = FakeShop("", edges(True, False), edges(True, True), root=tmp_path)
    aware.declare(shop, CLUSTER)
    assert [each.split()[0] for each in shop.asked] == ["apply", "edges", "edges"]
    assert "mode: postgres" in (tmp_path / "ruled.yaml").read_text()


def test_an_edge_that_stays_behind_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(aware, "READY_SECONDS", -1)
    with pytest.raises(DemoError, match="did not take up the new service"):
        aware.declare(FakeShop("", edges(False), root=tmp_path), CLUSTER)


def test_a_one_time_password_is_a_uri_for_psql():
    assert aware.one_time(FakeShop(otp())) == "postgres://otp-1:empty@e:1/shop?a=b&c=d"
    with pytest.raises(DemoError, match="something else than a psql command"):
        aware.one_time(FakeShop("psql"))


def test_a_one_time_password_is_tried_again():
    psql = FakePsql()
    assert aware.query(psql, "uri") == {"current_user": "alice"}
    assert psql.refusals == [("uri", "a one-time password that was used")]
    with pytest.raises(DemoError, match="landed as 'bob'"):
        aware.query(FakePsql("bob"), "uri")


def test_what_is_denied_is_on_record():
    found = aware.denial(FakeShop(otp()), SimpleNamespace(psql=FakePsql()))
    shown = {"type": "DENIED", "user": "alice", "text": aware.DENIED}
    assert found == aware.Denial("ERROR: tables stay", shown)


@pytest.mark.parametrize(
    ("denied", "record", "said"),
    [
        (Done(0, "DROP TABLE", ""), RECORD, "was not refused for the rule's reason"),
        (Done(1, "", "no such table"), RECORD, "was not refused for the rule's reason"),
        (REFUSED, {**RECORD, "user": "bob"}, "on record is something else"),
    ],
)
def test_any_other_outcome_is_an_error(denied, record, said):
    with pytest.raises(DemoError, match=said):
        aware.denial(FakeShop(otp(), record=record), SimpleNamespace(psql=FakePsql(denied=denied)))


def test_the_chain_is_counted():
    shop = FakeShop(json.dumps([{"edge": "edge1", "lines": 6}]))
    assert aware.verified(shop).startswith("6 records of edge1")
    assert shop.asked == ["audit verify -o json"]
