from datetime import UTC, datetime, timedelta

from pgward.tunnel.agent.notices import LONGEST, Notice, Notices

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
END = NOW + timedelta(hours=12)


def at(**before: float) -> datetime:
    return END - timedelta(**before)


SOON = Notice("pgward: your login ends soon", "in 15 minutes; pgward login goes on")
ENDED = Notice("pgward: your login has ended", "pgward login", urgent=True)


def test_the_end_is_told_a_quarter_of_an_hour_before_and_when_it_is_there_once_each():
    notices = Notices()
    times = [NOW, at(minutes=16), at(minutes=15), at(minutes=14), END, END + timedelta(hours=1)]
    assert [notices.of_login(("a", END), each) for each in times] == [
        None,
        None,
        SOON,
        None,
        ENDED,
        None,
    ]


def test_after_a_sleep_only_what_holds_now_is_told():
    notices = Notices()
    assert notices.of_login(("a", END), NOW) is None
    assert notices.of_login(("a", END), END + timedelta(hours=5)) == ENDED


def test_each_login_has_its_own():
    notices = Notices()
    notices.of_login(("a", END), NOW)
    assert notices.of_login(("a", END), at(minutes=10)) is not None
    later = END + timedelta(hours=12)
    assert notices.of_login(("b", later), at(minutes=9)) is None
    assert notices.of_login(("b", later), later) == ENDED


def test_a_login_that_was_over_before_is_no_news_nor_is_a_logout():
    notices = Notices()
    assert notices.of_login(("a", END), END + timedelta(days=1)) is None
    notices.of_login(("b", END), NOW)
    assert notices.of_login(None, at(minutes=5)) is None


def test_a_short_login_is_told_of_at_half_of_it():
    notices = Notices()
    end = NOW + timedelta(minutes=4)
    assert notices.of_login(("a", end), NOW) is None
    told = notices.of_login(("a", end), NOW + timedelta(minutes=3))
    assert told == Notice("pgward: your login ends soon", "in 1 minute; pgward login goes on")


def test_a_login_that_counts_no_more_is_told_of_once():
    notices = Notices()
    told = notices.of_refusal("a", "your account is blocked: ask an administrator")
    assert told.title == "pgward: your login counts no more"
    assert notices.of_refusal("a", "your login session has ended") is None
    assert notices.is_first_refusal("b")
    assert notices.of_refusal("b", "your account is blocked") is None


def test_an_edge_that_ends_connections_is_told_of_once_in_a_while():
    notices = Notices()
    minutes = [0, 1, 9, 10, 11]
    told = [notices.of_cut("orders", "blocked", NOW + timedelta(minutes=m)) for m in minutes]
    notice = Notice("pgward: orders", "a connection was ended: blocked")
    assert told == [notice, None, None, notice, None]
    assert notices.of_cut("stock", "x" * 1000, NOW) is not None
    assert notices.of_cut("orders", "blocked", NOW - timedelta(days=1)) == notice  # a wrong clock


def test_no_notice_is_endless():
    told = Notices().of_cut("orders", "x" * 1000, NOW)
    assert told is not None
    assert len(told.body) == LONGEST
