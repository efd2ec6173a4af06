from pgward.ca.recordings import recordings
from pgward.ca.recordings.recordings import NOTED_SECONDS, Recordings
from tests.fixtures.ca_service import SEALER


def test_reading_is_news_once_in_a_while(store, objects, clock, monkeypatch):
    made = Recordings(store, objects, SEALER, clock)
    assert made.is_news("login", "session", now=0)
    assert not made.is_news("login", "session", now=5)
    assert made.is_news("login", "another", now=5)
    assert not made.is_news("login", "session", now=5 + NOTED_SECONDS)
    assert made.is_news("login", "session", now=6 + 2 * NOTED_SECONDS)
    monkeypatch.setattr(recordings, "_MOST_NOTED", 1)
    made.is_news("login", "third", now=7 + 2 * NOTED_SECONDS)
    assert made.recipient() == made.recipient()
