from datetime import UTC, datetime

from pgward.hba.agent.duty import Done, Turn


def test_a_turn_without_news_and_an_end_without_problems_are_the_rule():
    assert Turn(datetime(2026, 1, 1, tzinfo=UTC)).news == {}
    assert Done(5).problems == ()
