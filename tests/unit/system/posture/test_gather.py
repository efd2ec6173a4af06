import threading
import time

import pytest

from pgward.system.posture import gather as module
from pgward.system.posture.facts import Fact, Posture
from pgward.system.posture.gather import Cache, gather


@pytest.fixture
def system(monkeypatch):
    """Put an operating system of a test's own in the place of the real ones."""

    def put(probes, naming=lambda: ("TestOS", "1")):
        monkeypatch.setattr(module, "_SYSTEMS", {"test": ("test", probes, naming)})

    return put


def test_all_facts_of_this_machine_in_less_than_two_seconds():
    began = time.monotonic()
    found = gather()
    assert time.monotonic() - began < 2
    assert set(found.as_json()) == {
        *("os", "os_name", "os_version", "kernel"),
        *("disk_encrypted", "screen_lock", "firewall", "updates_age_days"),
    }


def test_what_hangs_or_fails_is_unknown_and_the_rest_is_told(system):
    held = threading.Event()

    def hangs():
        held.wait(30)
        return Fact(True, "too late")

    def fails():
        raise RuntimeError("secret detail")

    system({"disk_encrypted": hangs, "firewall": fails, "screen_lock": lambda: Fact(True, "x")})
    began = time.monotonic()
    found = gather(seconds=0.2, system="test")
    held.set()
    assert time.monotonic() - began < 2
    assert (found.name, found.version) == ("TestOS", "1")
    assert found.facts == {
        "disk_encrypted": Fact(None, "it took too long to find out"),
        "firewall": Fact(None, "it could not be found out: RuntimeError"),
        "screen_lock": Fact(True, "x"),
    }


def test_probes_run_side_by_side(system):
    together = threading.Barrier(2, timeout=5)

    def meets():
        together.wait()
        return Fact(True, "met")

    system({"disk_encrypted": meets, "firewall": meets})
    assert {each.value for each in gather(system="test").facts.values()} == {True}


def test_a_system_without_a_name_still_reports(system):
    def fails():
        raise OSError

    system({}, fails)
    assert gather(system="test").family == "test"
    assert gather(system="plan9").family == "other"


def test_a_posture_is_kept_for_some_minutes():
    made = []

    def gathering():
        made.append(Posture("linux", str(len(made)), "", ""))
        return made[-1]

    times = [0.0]
    cache = Cache(gathering, lambda: times[0])
    assert cache.get() is cache.get()
    times[0] = 301.0
    assert cache.get().name == "1"
