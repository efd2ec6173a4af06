import asyncio
import shutil
import threading

import pytest

from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.observability import health
from pgward.ca.observability.health import Check, Checks, Readiness
from pgward.ca.store import open_store
from pgward.core.errors import PgwardError, UnavailableError
from tests.fixtures.disks import fill_disk


@pytest.fixture
def checks(sql_authority, store) -> Checks:
    return Checks(sql_authority, store, ApiCertificate(sql_authority))


def state_of(check, now=0.0):
    return asyncio.run(check.state(now))


def failing():
    raise UnavailableError("it is broken")


def test_all_is_well(checks):
    states = asyncio.run(checks.readiness().states())
    assert states == dict.fromkeys(("store", "keys", "certificate", "crls", "clock"), "ok")


def test_a_store_that_takes_nothing(checks, store):
    store.engine.dispose()
    with store.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE store_marks")
        connection.commit()
    assert asyncio.run(checks.readiness().states())["store"] == "failed"


def test_a_store_that_has_no_room(checks, monkeypatch):
    monkeypatch.setattr(checks.store, "write", failing)
    with pytest.raises(UnavailableError, match="it is broken"):
        checks.check_store()


def test_a_full_disk_is_seen_though_a_small_change_still_fits(checks, store, small_disk_of):
    disk = small_disk_of("4m")
    shutil.copy(store.engine.url.database, disk / "ca.db")
    checks.store = open_store(f"sqlite:///{disk / 'ca.db'}")
    checks.check_store()
    fill_disk(disk, leave=64 * 1024)
    with pytest.raises(UnavailableError, match=r"the disk of .* is full: \d+ KiB are left"):
        checks.check_store()
    checks.store.close()


def test_its_own_certificate_must_be_valid_now(checks, clock):
    checks.check_certificate()
    clock.move(days=31)
    with pytest.raises(UnavailableError, match="own certificate is not valid now"):
        checks.check_certificate()
    clock.move(days=-62)
    with pytest.raises(UnavailableError, match="own certificate is not valid now"):
        checks.check_certificate()


@pytest.mark.parametrize(("days", "hours"), [(7, 0), (7, -1), (0, -1)])
def test_crls_must_be_good_now_and_for_a_while(checks, clock, days, hours):
    checks.check_crls()
    clock.move(days=days, hours=hours)
    with pytest.raises(
        UnavailableError, match=r"the revocation list of .*: it (ends|ended|begins only) at 2026-11"
    ):
        checks.check_crls()


def test_crls_that_are_good_for_two_hours_are_enough(checks, clock):
    clock.move(days=7, hours=-2)
    checks.check_crls()


def test_a_clock_behind_the_last_act_fails(checks, clock, sql_authority):
    clock.move(minutes=30)
    ApiCertificate(sql_authority)
    checks.check_clock()
    clock.move(minutes=-30)
    with pytest.raises(UnavailableError, match="the authority's last act was at"):
        checks.check_clock()


def test_keys_that_do_not_sign(checks, monkeypatch):
    monkeypatch.setattr("pgward.ca.keys.signer.KeySigner.sign_crl", lambda _self, _crl: failing())
    with pytest.raises(UnavailableError):
        checks.authority.check_keys()


def test_an_answer_is_kept_for_a_moment():
    looks = []
    check = Check("x", lambda: looks.append(1), kept_seconds=60)
    assert [state_of(check), state_of(check)] == ["ok", "ok"]
    assert len(looks) == 1
    check.kept_seconds = 0
    assert state_of(check, now=float("inf")) == "ok"
    assert len(looks) == 2


def test_trouble_is_logged_once_and_its_end_seen(caplog):
    trouble = [PgwardError("it is broken"), ZeroDivisionError("a bug")]

    def look():
        if trouble:
            raise trouble[0]

    check = Check("store", look, kept_seconds=0)
    assert [state_of(check, float("inf")) for _ in range(3)] == ["failed"] * 3
    assert caplog.messages == ["not ready: store: it is broken"]
    trouble.clear()
    check._until = 0
    assert state_of(check, float("inf")) == "ok"


def test_a_bug_is_a_failure(caplog):
    def look():
        raise ZeroDivisionError("a bug")

    assert state_of(Check("x", look)) == "failed"
    assert "ZeroDivisionError: a bug" in caplog.text


def test_a_look_that_hangs_is_slow_and_not_begun_again(monkeypatch):
    released, looks = threading.Event(), []

    def look():
        looks.append(1)
        released.wait(10)

    async def ask():
        ready = Readiness((Check("store", look), Check("keys", lambda: None, float("inf"))))
        await ready.checks[1].state(0)  # which is kept, however busy the machine is
        with monkeypatch.context() as patch:
            patch.setattr(health, "DEADLINE_SECONDS", 0.01)
            slow = [await ready.states() for _ in range(3)]
        released.set()
        while ready.checks[0]._running is not None:  # noqa: ASYNC110 - a thread ends
            await asyncio.sleep(0)
        return [*slow, await ready.states()]

    *slow, after = asyncio.run(ask())
    assert slow == [{"store": "slow", "keys": "ok"}] * 3
    assert after == {"store": "ok", "keys": "ok"}
    assert len(looks) == 1
