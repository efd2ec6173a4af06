"""A database that stands still under `ca serve`: connections stay, and nothing is answered."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from pgward.ca.store import open_store
from pgward.core.errors import UnavailableError
from tests.fixtures.database import new_database
from tests.fixtures.load import Acknowledged, check, load
from tests.fixtures.outages import frozen
from tests.fixtures.replicas import Replicas, until

pytestmark = pytest.mark.integration
LEADS, LOST = "this replica leads", "this replica no longer leads"


@pytest.fixture
def replicas(pg, tmp_path):
    """Replaces the one whose server is shared: this one is stopped."""
    made = Replicas(tmp_path, new_database(pg))
    yield made
    made.close()


def ask(replica, path):
    """Return status, body, seconds, and when to try again."""
    began = time.monotonic()
    reply = httpx2.get(f"{replica.url}{path}", verify=replica.trusting(), timeout=30)
    after = reply.headers.get("retry-after")
    return reply.status_code, reply.json(), time.monotonic() - began, after


@pytest.mark.soak  # by the limits of time that it is about
def test_every_answer_comes_in_time_and_it_goes_on_by_itself(pg, replicas):
    done = Acknowledged()
    first, second = replicas.start(), replicas.start()
    with (
        load(lambda: replicas.running, done, clients=2),
        ThreadPoolExecutor(40) as many,
    ):
        done.wait_for(10)
        with frozen(pg):
            asked = [many.submit(ask, each, "/v1/health") for each in replicas.running * 20]
            for each in replicas.running:
                assert_alive_and_not_ready(each)
            answers = [each.result() for each in asked]
            assert {status for status, *_ in answers} == {503}
            assert max(seconds for _, _, seconds, _ in answers) < 15
            _, body, _, after = answers[0]
            assert after == "5"
            assert body["error"]["message"] == (
                "the authority's store is unavailable: it does not answer"
            )
            until(lambda: LOST in first.messages(), seconds=15)
            for each in replicas.running:  # it is known by now: nobody waits any more
                assert ask(each, "/v1/health")[0::2][1] < 2
            assert LEADS not in second.messages()
        until(lambda: {ask(each, "/readyz")[0] for each in replicas.running} == {200})
        done.wait_for(len(done.certificates) + 10)
    assert done.lost == []
    check(replicas.url, done)
    assert replicas.leader() in replicas.running
    assert "Traceback" not in first.messages() + second.messages()


def assert_alive_and_not_ready(replica):
    status, body, seconds, _ = ask(replica, "/healthz")
    assert (status, body, seconds < 2) == (200, {"status": "ok"}, True)
    status, body, seconds, _ = ask(replica, "/readyz")
    assert (status, body["status"], seconds < 5) == (503, "failed", True)
    assert body["checks"]["store"] in ("slow", "failed")


@pytest.mark.soak
def test_a_command_gives_up_as_well(pg, replicas):
    store = open_store(replicas.url)
    assert store.version() > 0
    with frozen(pg):
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="it does not answer"):
            store.version()
        with pytest.raises(UnavailableError, match="it does not answer"):
            store.version()
        assert time.monotonic() - began < 15
    store.close()
    open_store(replicas.url).close()
