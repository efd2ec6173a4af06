import pytest

from pgward.ca.service.routes import database_sessions
from pgward.portal.pages.sessions import access
from tests.fixtures.authority import START


@pytest.fixture
def frame(app, web, alice):  # noqa: ARG001 - who is signed in
    """What a page is given while alice looks at her sessions."""
    kept = []

    def listed(frame, **wanted):
        kept.append(frame)
        return real(frame, **wanted)

    real = access.listed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "listed", listed)
        web.sign_in("alice").open("/sessions")
    return kept[0]


def shown(**given):
    about = dict.fromkeys(
        ["service", "database", "role", "client", "application", "status", "sqlstate",
         "end_reason", "recording"]
    )  # fmt: skip
    counts = dict.fromkeys(["statements", "errors", "denied", "rows", "bytes"], 0)
    fields = {"id": "s1", "edge": "e1", "user": "alice", "started_at": str(START)} | given
    fields |= {"active_at": START, "rates": None}
    return database_sessions.ShownSession(
        **about, **counts, **{"ended_at": None, "recorded": False} | fields
    )


def test_who_ends_what(frame):
    assert not access.is_auditor(frame)
    assert access.may_end(frame, shown())
    assert not access.may_end(frame, shown(user="bob"))
    assert not access.may_end(frame, shown(ended_at="2026-11-22T00:00:00Z"))
