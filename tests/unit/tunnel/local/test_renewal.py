import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from pgward.client.identity import IdentityPaths
from pgward.core.errors import LoginNeededError, TooManyRequestsError, UnavailableError
from pgward.tunnel.local import renewal as module
from pgward.tunnel.local.renewal import Renewal, next_pause
from tests.fixtures.authority import MovableClock
from tests.fixtures.tunnel_world import FakeSession, until


@dataclass(eq=False)
class Member:
    heard: list[str] = field(default_factory=list)

    def renewed(self) -> None:
        self.heard.append("renewed")

    def login_ended(self, problem: str, hint: str) -> None:
        self.heard.append(f"{problem}; {hint}")

    def woke(self) -> None:
        self.heard.append("woke")

    def look_after(self) -> None:
        self.heard.append("looked after")


@dataclass
class Kept:
    """A renewal for two tunnels."""

    clock: MovableClock
    session: FakeSession
    members: list[Member]
    said: list[str]
    renewal: Renewal


@pytest.fixture
def kept(tmp_path):
    def make() -> Kept:
        clock = MovableClock(datetime.now(UTC))
        paths = IdentityPaths(tmp_path / "c", tmp_path / "k", tmp_path / "ca")
        session = FakeSession(paths, not_after=clock.now() + timedelta(hours=1))
        members, said = [Member(), Member()], []
        loop = asyncio.get_running_loop()
        return Kept(
            clock, session, members, said, Renewal(session, clock, loop, said.append, members)
        )

    return make


def test_pauses_grow_but_never_too_long_for_the_certificate():
    assert [next_pause(n, 3600, 5, 0.5) for n in range(5)] == [15, 30, 60, 120, 120]
    assert next_pause(9, 100, 5, 0.5) == 25
    assert next_pause(9, -5, 5, 0.5) == 15
    assert next_pause(0, 3600, 90, 0.5) == 90
    assert next_pause(0, 3600, 10**6, 0.5) == 120
    assert (next_pause(0, 3600, 5, 0.0), next_pause(0, 3600, 5, 1.0)) == (11.25, 18.75)


def test_one_renewal_reaches_every_tunnel(run, kept):
    async def main() -> None:
        made = kept()
        made.session.renewals = [True]
        await asyncio.gather(made.renewal.refresh(), made.renewal.refresh())
        assert [member.heard for member in made.members] == [["renewed"], ["renewed"]]

    run(main())


def test_only_the_first_of_those_refused_has_it_replaced(run, kept):
    """The second sees, when its turn comes, that its certificate is another one already."""

    async def main() -> None:
        made = kept()
        made.session.renewals = [True]
        first = made.members[0]
        await asyncio.gather(
            made.renewal.refresh(lambda: not first.heard),
            made.renewal.refresh(lambda: not first.heard),
        )
        assert made.session.refused == 1
        await made.renewal.refresh(lambda: True)
        assert made.session.refused == 1  # an edge that refuses new ones, too, waits a minute

    run(main())


def test_the_end_of_the_login_is_said_once_until_the_next(run, kept):
    async def main() -> None:
        made = kept()
        made.session.renewals = [LoginNeededError(), LoginNeededError(), True, LoginNeededError()]
        for _ in range(4):
            await made.renewal.refresh()
        assert made.said == ["you are not logged in\nhint: pgward login"] * 2
        ended = "you are not logged in; pgward login"
        assert made.members[0].heard == [ended, ended, "renewed", ended]
        assert isinstance(made.renewal.problem, LoginNeededError)

    run(main())


def test_a_ca_that_is_away_is_asked_after_a_pause_and_a_client_need_not_wait_for_it(
    run, kept, monkeypatch
):
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.01)

    async def main() -> None:
        made = kept()
        margins: list[timedelta] = []

        def ensure(margin, **_options):
            margins.append(margin)
            raise TooManyRequestsError("away", retry_after=60)

        made.session.ensure_certificate = ensure  # type: ignore[method-assign]
        fresh = asyncio.ensure_future(made.renewal.keep_fresh())
        await until(lambda: len(margins) >= 3)
        assert margins[0] > timedelta()
        assert margins[1:3] == [timedelta()] * 2  # only what is on disk
        seen = len(margins)
        await made.renewal.refresh()
        assert max(margins[seen:]) > timedelta()
        fresh.cancel()
        await asyncio.wait({fresh})

    run(main())


def test_who_waits_for_a_ca_that_is_away_gets_its_certificate_as_soon_as_it_is_back(
    run, kept, monkeypatch
):
    monkeypatch.setattr(module, "HOLD_PAUSE", 0.01)

    async def main() -> None:
        made = kept()
        made.clock.move(hours=2)

        def renewed() -> bool:
            made.session.not_after = made.clock.now() + timedelta(hours=1)
            return True

        made.session.renewals = [UnavailableError("away"), OSError("disk full"), renewed]
        made.renewal.problem = None
        with pytest.raises(Exception, match="disk full"):
            await made.renewal.hold()  # what is no outage is told at once
        await made.renewal.hold()
        assert not made.renewal.expired()

    run(main())


def test_who_waits_too_long_hears_why(run, kept, monkeypatch):
    monkeypatch.setattr(module, "HOLD_SECONDS", 0.0)

    async def main() -> None:
        made = kept()
        made.clock.move(hours=2)
        made.session.renewals = [UnavailableError("the CA is away")]
        with pytest.raises(UnavailableError, match="the CA is away"):
            await made.renewal.hold()

    run(main())


def test_a_process_that_stood_still_is_noticed_before_a_link_is_used(run, kept):
    async def main() -> None:
        made = kept()
        assert not made.renewal.notice_sleep()
        made.clock.move(minutes=10)
        assert made.renewal.notice_sleep()
        assert not made.renewal.notice_sleep()
        made.clock.move(minutes=-10)
        assert not made.renewal.notice_sleep()
        assert [member.heard for member in made.members] == [["woke"], ["woke"]]

    run(main())


def test_a_renewal_that_nobody_waits_for_any_more_reaches_the_tunnels_all_the_same(run, kept):
    async def main() -> None:
        made = kept()
        begun, go = threading.Event(), threading.Event()

        def renewed() -> bool:
            begun.set()
            return go.wait(10)

        made.session.renewals = [renewed]
        waiting = asyncio.ensure_future(made.renewal.refresh())
        await until(begun.is_set)
        waiting.cancel()
        await asyncio.wait({waiting})
        go.set()
        await until(lambda: made.members[0].heard == ["renewed"])

    run(main())


def test_after_a_sleep_what_is_due_is_renewed_at_once(run, kept):
    async def main() -> None:
        made = kept()
        made.session.renewals = [True]
        made.renewal.woke()
        await until(lambda: made.members[1].heard == ["woke", "renewed"])

    run(main())


def test_tunnels_are_looked_after_and_hear_of_a_sleep(run, kept, monkeypatch):
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.01)

    async def main() -> None:
        made = kept()
        fresh = asyncio.ensure_future(made.renewal.keep_fresh())
        member = made.members[0]
        await until(lambda: member.heard == ["looked after"])
        made.clock.move(hours=1)
        await until(lambda: "woke" in member.heard)
        fresh.cancel()
        await asyncio.wait({fresh})

    run(main())


def test_a_look_that_breaks_is_logged_and_the_next_one_comes(run, kept, monkeypatch, caplog):
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.01)

    async def main() -> None:
        made = kept()
        made.session.renewals = [ValueError("odd"), True]
        fresh = asyncio.ensure_future(made.renewal.keep_fresh())
        await until(lambda: "renewed" in made.members[1].heard)
        fresh.cancel()
        await asyncio.wait({fresh})
        assert "looking after the certificate broke" in caplog.text

    run(main())
