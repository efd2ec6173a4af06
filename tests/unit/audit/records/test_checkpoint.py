import json

from pgward.audit.records.checkpoint import restored, saved
from pgward.audit.records.session import Session
from pgward.pgwire import frontend as f


def test_what_shares_a_statement_shares_it_again():
    session = Session("b-", 7, {"edge": "e"})
    session.up(64, 1, f.parse("", "select $1") + f.bind("", "", [b"x"]))
    again = restored("b-", json.loads(json.dumps(saved(session))))
    assert again.portals[""].statement is again.statements[""]
    assert again.queue[0].made is again.statements[""]
    assert json.dumps(saved(again)) == json.dumps(saved(session))


def test_nothing_open_takes_little_room():
    assert len(json.dumps(saved(Session("b-", 7, {"edge": "e"})))) < 500
