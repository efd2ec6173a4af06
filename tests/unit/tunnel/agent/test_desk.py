import asyncio
from datetime import timedelta

import pytest

from pgward.client.home import Home
from pgward.client.login import installing
from pgward.core.clock import rfc3339
from pgward.core.errors import DeniedError, LoginNeededError
from pgward.tunnel.agent.desk import Desk
from tests.fixtures.fake_ca import NOW, error


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    made.prepare()
    return made


@pytest.fixture
def log_in(fake_ca, home):
    def log_in() -> None:
        installing.with_password(
            home, fake_ca.trust, "alice", "right", fake_ca.clock
        ).session.close()

    return log_in


@pytest.fixture
def at_desk(run, fake_ca, home):
    """Run a test with the desk of this home; it gets what was said and how many logins came."""

    def at_desk(test):
        async def main() -> None:
            said, logins = [], []
            desk = Desk(
                home.directory,
                fake_ca.clock,
                asyncio.get_running_loop(),
                say=said.append,
                on_login=lambda: logins.append(True),
            )
            try:
                await test(desk, said, logins)
            finally:
                desk.close()

        run(main())

    return at_desk


def test_it_waits_for_a_login_and_takes_each_new_one(at_desk, log_in, fake_ca, home):
    async def test(desk, said, logins) -> None:
        await desk.look()
        assert (desk.alive, desk.ends(), logins) == (False, None, [])
        with pytest.raises(LoginNeededError):
            desk.required()
        assert desk.describe() == {"logged_in": False, "user": None}
        log_in()
        await desk.look()
        await desk.look()
        assert (desk.alive, len(logins)) == (True, 1)
        first = desk.ends()
        assert first[1] == NOW + timedelta(hours=12)
        session, _ = desk.required()
        log_in()
        await desk.look()
        assert (len(logins), desk.required()[0] is session) == (2, True)
        assert desk.ends()[0] != first[0]
        installing.logout(home, fake_ca.clock)
        await desk.look()
        assert (desk.alive, desk.ends()) == (False, None)
        assert said == ["you are not logged in\nhint: pgward login"]
        log_in()
        await desk.look()
        assert (desk.alive, len(logins)) == (True, 3)

    at_desk(test)


def test_what_it_says_of_a_login_that_is_over(at_desk, log_in, fake_ca):
    async def test(desk, _said, _logins) -> None:
        log_in()
        await desk.look()
        fake_ca.clock.advance(hours=13)
        assert desk.alive is False
        told = desk.describe()
        assert (told["user"], told["logged_in"]) == ("alice", False)
        assert told["session_expires_at"] == rfc3339(NOW + timedelta(hours=12))

    at_desk(test)


def test_whether_the_ca_takes_the_login_is_asked_once_and_said_once(at_desk, log_in, fake_ca):
    async def test(desk, said, _logins) -> None:
        await desk.check()  # nobody is logged in
        log_in()
        await desk.look()
        fake_ca.routes["GET /v1/services"] = {"services": []}
        await desk.check()
        assert desk.refusal is None
        fake_ca.routes["GET /v1/services"] = error("login_needed", "your login session has ended")
        for _ in range(2):
            await desk.check()
        assert desk.describe()["problem"] == "your login session has ended"
        assert said == ["your login session has ended\nhint: pgward login"]
        fake_ca.routes["GET /v1/services"] = error("unavailable", "the store is away")
        await desk.check()
        assert desk.refusal.message == "your login session has ended"  # as far as is known
        log_in()
        await desk.look()
        assert (desk.refusal, desk.describe()["problem"]) == (None, None)

    at_desk(test)


def test_what_an_edge_said_is_why_once_the_ca_refuses_too(at_desk, log_in, fake_ca):
    async def test(desk, said, _logins) -> None:
        log_in()
        await desk.look()
        blocked = DeniedError("your account is blocked", hint="ask an administrator")
        fake_ca.routes["GET /v1/services"] = {"services": []}
        await desk.check(blocked)
        assert desk.refusal is None
        fake_ca.routes["GET /v1/services"] = error("login_needed", "your login session has ended")
        await desk.check(blocked)
        await desk.check()
        assert desk.refusal is blocked
        assert said == ["your account is blocked\nhint: ask an administrator"]
        fake_ca.clock.advance(hours=13)
        assert desk.refusal is None  # it is over by itself, which is told otherwise

    at_desk(test)


def test_a_damaged_identity_is_looked_at_again(at_desk, log_in, home, caplog):
    async def test(desk, _said, logins) -> None:
        log_in()
        path = home.paths.cert.parent / "session.json"
        whole = path.read_bytes()
        path.write_bytes(b"{")
        await desk.look()
        await desk.look()
        assert (desk.alive, logins) == (False, [])
        assert caplog.text.count("cannot look at the login") == 1
        path.write_bytes(whole)
        await desk.look()
        assert desk.alive

    at_desk(test)
