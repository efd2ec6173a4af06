import json
import threading

import pytest
import zstandard

from pgward.ca.service.routes import audit_archive
from tests.fixtures.chunks import CHAIN, Teller, at, record, texts


@pytest.fixture
def teller(edge) -> Teller:
    return Teller(edge)


@pytest.fixture
def auditor(api):
    api.add("otto", "auditors")
    return api.device("otto")


def ask(who, query=""):
    answer = who.call("GET", f"/v1/audit/records{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


def page(text):
    return json.loads(text.splitlines()[-1])["page"]


def events(api, action):
    return [each for each in api.events() if each["action"] == action]


def test_an_auditor_reads_what_edges_said(auditor, teller):
    teller.tell(record(1), record(2, user="bob"))
    answer = ask(auditor)
    assert texts(answer) == ["select 2", "select 1"]
    assert page(answer) == {"cursor": None, "records": 2, "chunks": 1, "lost": []}
    assert texts(ask(auditor, "?user=bob")) == ["select 2"]
    assert texts(ask(auditor, "?order=oldest&limit=1")) == ["select 1"]
    assert texts(ask(auditor, "?contains=SELECT+1")) == ["select 1"]
    assert texts(ask(auditor, "?regex=2$")) == ["select 2"]
    assert texts(ask(auditor, f"?since={at(2)}")) == ["select 2"]


def test_a_record_comes_as_it_stands_in_its_chain(auditor, teller):
    teller.tell(record(1, text="é"))
    line = ask(auditor).splitlines()[0]
    assert line.startswith('{"seq":1,"id":"0123456789abcdef-1",')
    assert line.endswith('"}')
    assert '"text":"é"' in line


def test_pages(auditor, teller):
    teller.tell(*(record(number) for number in range(5)))
    first = ask(auditor, "?limit=3")
    cursor = page(first)["cursor"]
    assert texts(first) == ["select 4", "select 3", "select 2"]
    assert texts(ask(auditor, f"?limit=3&cursor={cursor}")) == ["select 1", "select 0"]


def test_who_reads_is_put_on_record_without_the_words(api, auditor, teller):
    teller.tell(record(1), record(2))
    asked = "?user=alice&contains=hunter2&regex=s3cret"
    ask(auditor, f"{asked}&limit=1")
    (event,) = events(api, "audit.search")
    assert (event["actor"], event["details"]) == (
        "otto",
        {"user": "alice", "contains": "…", "regex": "…", "limit": "1"},
    )


def test_a_search_is_on_record_once_however_many_pages_it_has(api, auditor, teller):
    teller.tell(record(1), record(2), record(3))
    cursor = page(ask(auditor, "?user=alice&limit=1"))["cursor"]
    ask(auditor, f"?user=alice&limit=2&cursor={cursor}")
    assert len(events(api, "audit.search")) == 1


def test_nobody_reads_unseen_by_a_cursor_that_no_page_gave(api, auditor, teller):
    teller.tell(record(1), record(2))
    cursor = page(ask(auditor, "?user=alice&limit=1"))["cursor"]
    assert texts(ask(auditor, f"?user=alice&contains=select&cursor={cursor}")) == ["select 1"]
    (_, event) = events(api, "audit.search")
    assert event["details"] == {"user": "alice", "contains": "…", "cursor": cursor}
    assert texts(ask(auditor, "?follow=true&cursor=at,0")) == ["select 1", "select 2"]
    ask(auditor, "?follow=true&cursor=at,0")
    assert len(events(api, "audit.search")) == 3


@pytest.mark.parametrize("path", ["/v1/audit/chunks?after=0", f"/v1/audit/chunks/e1/{CHAIN}/1"])
def test_nobody_reads_chunks_unseen(api, auditor, teller, path):
    teller.tell(record(1))
    for _ in range(2):
        assert auditor.call("GET", path).status_code == 200
    (event,) = events(api, "audit.read")
    assert event["actor"] == "otto"


@pytest.mark.parametrize(
    "query",
    [
        "?limit=0",
        "?limit=1001",
        "?since=yesterday",
        "?order=x",
        "?cursor=x",
        "?regex=(",
        "?contains=",
    ],
)
def test_bounds_of_a_question(admin, query):
    answer = admin.call("GET", f"/v1/audit/records{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize("path", ["records", "chains", "chunks", f"chunks/e1/{CHAIN}/1"])
def test_other_people_read_nothing(alice, path):
    answer = alice.call("GET", f"/v1/audit/{path}")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "only an auditor may do this",
    )


def test_an_auditor_changes_nothing(auditor):
    assert auditor.call("GET", "/v1/audit").status_code == 200
    assert auditor.call("GET", "/v1/users").status_code == 403
    assert auditor.call("POST", "/v1/users", {"name": "x"}).status_code == 403


def test_who_follows_gets_what_comes_in(auditor, teller, monkeypatch):
    monkeypatch.setattr(audit_archive, "LONGEST_WAIT", 20.0)
    teller.tell(record(1))
    begin = ask(auditor, "?follow=true")
    assert texts(begin) == []
    cursor = page(begin)["cursor"]
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(ask(auditor, f"?follow=true&cursor={cursor}&user=bob"))
    )
    waiting.start()
    teller.tell(record(2))
    teller.tell(record(3, user="bob"))
    waiting.join(20)
    assert texts(answers[0]) == ["select 3"]
    assert page(answers[0])["cursor"] == "at,3"


def test_who_follows_waits_no_longer_than_it_may(auditor, teller, monkeypatch):
    monkeypatch.setattr(audit_archive, "LONGEST_WAIT", 0.05)
    teller.tell(record(1))
    answer = ask(auditor, "?follow=true&cursor=at,1")
    assert (texts(answer), page(answer)["cursor"]) == ([], "at,1")


@pytest.mark.parametrize("cursor", ["1", "at,", "at,x", "at,-1", "at,\u0661"])
def test_a_cursor_to_follow_from_that_is_none(auditor, cursor):
    answer = auditor.call("GET", f"/v1/audit/records?follow=true&cursor={cursor}")
    assert answer.status_code == 422


def test_chains_and_chunks(auditor, teller, api):
    teller.tell(record(1), record(2))
    teller.tell(record(3, user="bob"))
    (chain,) = auditor.call("GET", "/v1/audit/chains").json()["chains"]
    assert chain | {"first_hash": "", "head_hash": ""} == {
        "edge": "e1",
        "chain": CHAIN,
        "first_seq": 1,
        "first_hash": "",
        "head_seq": 3,
        "head_hash": "",
        "started_at": "2026-11-21T12:00:00Z",
        "received_at": "2026-11-21T12:00:00Z",
        "gaps": [],
    }
    assert auditor.call("GET", "/v1/audit/chains?edge=e2").json() == {"chains": []}

    def chunks(query):
        reply = auditor.call("GET", f"/v1/audit/chunks{query}").json()
        return [each["first_seq"] for each in reply["chunks"]], reply["cursor"]

    assert chunks("") == ([1, 3], None)
    assert chunks("?limit=1") == ([1], 1)
    assert chunks("?limit=1&after=1") == ([3], 2)
    assert chunks("?user=bob") == ([3], None)
    assert chunks(f"?edge=e1&chain={CHAIN}") == ([1, 3], None)
    assert chunks(f"?chain={'ff' * 8}") == ([], None)
    assert len(events(api, "audit.read")) == 5  # a second page is the same reading


def test_the_lines_of_a_chunk(auditor, teller):
    delivery = teller.pack(record(1), record(2))
    teller.put(delivery)
    path = f"/v1/audit/chunks/e1/{CHAIN}/1"
    plain = zstandard.decompress(delivery.data)
    assert auditor.call("GET", path).content == plain
    answer = auditor.call("GET", path, **{"Accept-Encoding": "identity"})
    assert (answer.content, answer.headers.get("content-encoding")) == (plain, None)
    packed = auditor.call("GET", f"{path}?packed=true")
    assert (packed.content, packed.headers["content-type"]) == (delivery.data, "application/zstd")
    missing = auditor.call("GET", f"/v1/audit/chunks/e1/{CHAIN}/2")
    assert missing.status_code == 404


def test_an_object_that_was_changed_is_an_error(auditor, teller, objects, tmp_path):
    teller.tell(record(1))
    (key,) = objects.list("")
    path = tmp_path / "archive" / key
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    answer = auditor.call("GET", f"/v1/audit/chunks/e1/{CHAIN}/1")
    assert answer.json()["error"]["message"] == "an object of the archive was changed"
    (lost,) = page(ask(auditor))["lost"]
    assert (lost["first_seq"], lost["why"]) == (1, "an object of the archive was changed")
