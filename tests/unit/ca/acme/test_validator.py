import asyncio
from datetime import timedelta

import pytest

from pgward.ca.acme import validator
from pgward.ca.acme.problems import AcmeError
from pgward.ca.acme.validator import Validator
from pgward.core.errors import UnavailableError
from tests.fixtures.acme import settled


@pytest.fixture
def client(acme):
    return acme.client()


def _begin(client, name="db1.test", kind="http-01") -> str:
    """Answer a challenge, and return the address of its authorization."""
    (url,) = client.order(name).json()["authorizations"]
    client.post(client.challenge(client.post(url).json(), kind)["url"], {})
    return url


def _status(client, url):
    client.nonce = None
    return client.post(url).json()["status"]


async def _until(client, url):
    return (await asyncio.to_thread(settled, client, url))["status"]


def _run(acme, prober, client, urls):
    async def validate():
        async with Validator(acme.service.office, prober, every=60).running():
            return [await _until(client, url) for url in urls]

    return asyncio.run(validate())


def test_what_waits_in_the_store_is_validated_at_the_start(acme, client):
    urls = [_begin(client, f"h{n}.db.test") for n in range(3)]
    assert _run(acme, acme.prober, client, urls) == ["valid"] * 3


def test_what_comes_later_wakes_it(acme, client):
    async def validate():
        async with Validator(acme.service.office, acme.prober, every=60).running():
            url = await asyncio.to_thread(_begin, client)
            return await _until(client, url)

    assert asyncio.run(validate()) == "valid"


def test_a_prober_s_mistake_ends_one_validation_only(acme, client, caplog):
    async def prober(job):
        if job.identifier.value == "bad.db.test":
            raise RuntimeError("oops")

    urls = [_begin(client, "bad.db.test"), _begin(client)]
    assert _run(acme, prober, client, urls) == ["invalid", "valid"]
    assert "oops" in caplog.text


def test_an_attempt_ends_in_time(acme, client, monkeypatch):
    monkeypatch.setattr(validator, "ATTEMPT_SECONDS", 0.01)
    monkeypatch.setattr(validator, "DELAYS", ())

    async def prober(_job):
        await asyncio.Event().wait()

    url = _begin(client)
    assert _run(acme, prober, client, [url]) == ["invalid"]
    challenge = client.challenge(client.post(url).json(), "http-01")
    assert challenge["error"]["detail"] == "the host took too long"


def test_what_is_under_way_at_the_end_is_taken_again(acme, client):
    """As after a restart: nothing waits for a lease to end."""
    url, begun = _begin(client), asyncio.Event()

    async def prober(_job):
        begun.set()
        await asyncio.Event().wait()

    async def stop_in_the_middle():
        async with Validator(acme.service.office, prober, every=60).running():
            await begun.wait()

    asyncio.run(stop_in_the_middle())
    assert _status(client, url) == "pending"
    assert _run(acme, acme.prober, client, [url]) == ["valid"]


def test_after_a_kill_the_lease_ends(acme, client):
    url = _begin(client)
    assert len(validator.take(acme.service.office)) == 1
    assert validator.take(acme.service.office) == []
    acme.clock.move(seconds=validator.LEASE.total_seconds())
    acme.validate()
    assert _status(client, url) == "valid"


def test_a_store_that_is_away_is_asked_again(acme, client, monkeypatch, caplog):
    url, real, failures = _begin(client), validator.take, [UnavailableError("away"), KeyError("x")]

    def take(*arguments):
        if failures:
            raise failures.pop()
        return real(*arguments)

    monkeypatch.setattr(validator, "take", take)

    async def validate():
        async with Validator(acme.service.office, acme.prober, every=0.01).running():
            return await _until(client, url)

    assert asyncio.run(validate()) == "valid"
    assert "challenges cannot be read: away" in caplog.text


@pytest.mark.parametrize("kind", ["connection", "dns", "tls"])
def test_a_host_that_cannot_be_reached_is_tried_again(acme, client, kind):
    acme.prober.problems["db1.test"] = AcmeError(kind, "not there")
    url = _begin(client)
    acme.validate()
    challenge = client.challenge(client.post(url).json(), "http-01")
    assert (challenge["status"], challenge["error"]["detail"]) == ("processing", "not there")
    acme.validate()
    assert len(acme.prober.jobs) == 1
    acme.clock.move(seconds=3)
    acme.prober.problems.clear()
    acme.validate()
    assert _status(client, url) == "valid"
    found = client.challenge(client.post(url).json(), "http-01")
    assert "error" not in found


def test_it_is_given_up_in_the_end(acme, client):
    acme.prober.problems["db1.test"] = AcmeError("connection", "not there")
    url = _begin(client)
    for delay in (timedelta(), *validator.DELAYS):
        acme.clock.move(seconds=delay.total_seconds())
        acme.validate()
    assert _status(client, url) == "invalid"
    (event,) = [e for e in acme.events() if e["action"] == "acme.challenge"]
    assert (event["outcome"], event["target"], event["reason"]) == (
        "failed",
        "db1.test",
        "not there",
    )


def test_a_wrong_answer_is_not_tried_again(acme, client):
    acme.prober.problems["db1.test"] = AcmeError("unauthorized", "no")
    url = _begin(client)
    acme.validate()
    assert _status(client, url) == "invalid"


def test_what_was_given_up_meanwhile_is_not_validated(acme, client):
    url = _begin(client)
    client.post(url, {"status": "deactivated"})
    acme.validate()
    assert (acme.prober.jobs, _status(client, url)) == ([], "deactivated")


def test_a_verdict_comes_too_late_for_what_was_given_up(acme, client):
    url = _begin(client)
    (job,) = validator.take(acme.service.office)
    client.post(url, {"status": "deactivated"})
    validator.finish(acme.service.office, job, None)
    validator.finish(acme.service.office, job, AcmeError("unauthorized", "no"))
    assert _status(client, url) == "deactivated"


def test_two_replicas_share_the_work(acme, client):
    for number in range(5):
        _begin(client, f"h{number}.db.test")
    first = validator.take(acme.service.office, 3)
    second = validator.take(acme.service.office, 3)
    assert (len(first), len(second)) == (3, 2)
    assert not {job.challenge.id for job in first} & {job.challenge.id for job in second}
