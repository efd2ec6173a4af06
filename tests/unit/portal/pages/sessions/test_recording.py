"""The player as it is without its script, and what its script asks for."""

from hashlib import sha256

import pytest
import sqlalchemy as sa

from pgward.ca.recordings import keys
from pgward.ca.service.routes import recording_playback
from pgward.ca.store.schema_recordings import recording_keys
from tests.fixtures.ca_service import SEALER
from tests.fixtures.chunks import record
from tests.fixtures.recordings import SESSION, end, parcel_of, result, start
from tests.fixtures.web_sessions import EVIL
from tests.unit.audit.recording.test_answers import READY, complete, description, row

PAGE = f"/sessions/e1/{SESSION}/recording"
ANSWER = description(("n", 23), (EVIL, 25)) + row(b"7", EVIL.encode()) + row(None, None)
FAILED = {"status": "error", "sqlstate": "42P01", "message": EVIL, "commands": [], "rows": 0}


@pytest.fixture
def recorded(edge, teller, store, clock):
    """A session of four seconds with a table and an error, that has ended."""
    recipient = keys.ensure(store, SEALER, clock)
    said = [record(2, text=f"select 2 {EVIL}", rows=2), record(3, **FAILED)]
    shown = result(2.001, ANSWER + complete() + READY)
    data = parcel_of([start(1, recipient=recipient)], [said[0], shown], [said[1]], [end(5)])
    assert (
        edge.put_content(f"/v1/edges/self/recordings/{sha256(data).hexdigest()}", data, {})[0]
        == 200
    )
    teller.tell(start(1, recipient=recipient), *said, end(5) | {"status": "ok"})


@pytest.mark.usefixtures("recorded")
def test_a_recording_as_it_was(web, api):
    api.add("carol", "auditors")
    web.sign_in("carol")
    page = web.open(web.open("/sessions/past").links["orders"])
    page = web.open(page.links["Play the recording"])
    assert (page.status, page.path) == (200, PAGE)
    for words in ("alice as app in shop", f"select 2 {EVIL}", "NULL", "2 rows", "SELECT 1",
                  f"ERROR 42P01: {EVIL}", "the session ended: the client left"):  # fmt: skip
        assert words in page.text, words
    assert EVIL not in page.answer.text
    assert page.links["00:01.000"] == "?at=1.0"
    assert "1 that failed or were denied" in page.text
    assert 'data-seconds="4.0"' in page.answer.text
    actions = [each["action"] for each in api.events() if each["target"] == SESSION]
    assert actions == ["audit.search", "recording.play"]


@pytest.mark.usefixtures("recorded")
def test_the_parts_of_a_recording(web, monkeypatch):
    monkeypatch.setattr(recording_playback, "MOST_MOMENTS", 3)
    page = web.sign_in("root").open(PAGE)
    assert "the session ended" not in page.text
    assert "Earlier" not in page.links
    page = web.open(PAGE + page.links["Later"])
    page = web.open(PAGE + page.links["Later"])
    assert "the session ended" in page.text
    assert "Later" not in page.links
    page = web.open(PAGE + page.links["Earlier"])
    assert "select 3" in page.text
    assert "select 2" in web.open(PAGE + page.links["Earlier"]).text


@pytest.mark.usefixtures("recorded")
def test_what_the_script_asks_for(web):
    page = web.sign_in("root").open(f"{PAGE}/part?at=1.5")
    assert page.status == 200
    assert page.answer.text.lstrip().startswith('<div id="moments" data-next="" data-runs="">')
    assert "the session ended" in page.text
    assert page.answer.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("recorded")
def test_what_was_said_is_found(web):
    page = web.sign_in("root").open(f"{PAGE}?find=ELECT+2")
    assert "1 time that it was said" in page.text
    assert page.answer.text.count('href="?at=1.000"') == 1
    assert "0 times that it was said" in web.open(f"{PAGE}?find=nowhere").text


@pytest.mark.usefixtures("recorded")
def test_a_key_that_is_gone_is_told(web, store):
    with store.write() as transaction:
        transaction.execute(sa.delete(recording_keys))
    page = web.sign_in("root").open(PAGE)
    assert "Piece 1 cannot be read: the key of a recording is not in the store." in page.text


def test_a_session_without_a_recording(web, told):
    page = web.sign_in("root").open("/sessions/e1/s1/recording")
    assert page.path == "/sessions/e1/s1"
    assert "Nothing is recorded of session s1 yet." in page.text
    assert told is not None


@pytest.mark.usefixtures("recorded", "alice")
def test_recordings_are_for_auditors(web):
    page = web.sign_in("alice").open(f"/sessions/e1/{SESSION}")
    assert "which auditors can play" in page.text
    assert "Play the recording" not in page.links
    for path in (PAGE, f"{PAGE}/part"):
        assert web.open(path).status == 403


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("query", ["at=x", "at=nan", "after=-1", "skip=x"])
def test_places_that_are_none(web, query):
    web.sign_in("root")
    for path in (PAGE, f"{PAGE}/part"):
        assert web.open(f"{path}?{query}").status == 404
