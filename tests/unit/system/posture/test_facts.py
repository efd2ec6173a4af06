from datetime import date

from pgward.system.posture import facts
from pgward.system.posture.facts import Fact, Posture

TODAY = date(2026, 11, 21)


def test_what_is_reported():
    found = Posture("linux", "Debian", "12", "6.1", {"firewall": Fact(True, "ufw")})
    nothing = {"value": "unknown", "how": "nothing was found out"}
    assert found.as_json() == {
        "os": "linux",
        "os_name": "Debian",
        "os_version": "12",
        "kernel": "6.1",
        "disk_encrypted": nothing,
        "screen_lock": nothing,
        "firewall": {"value": True, "how": "ufw"},
        "updates_age_days": nothing,
    }


def test_a_false_and_a_zero_are_no_unknowns():
    assert Fact(False, "x").as_json()["value"] is False
    assert Fact(0, "x").as_json()["value"] == 0


def test_an_age_in_days():
    assert facts.age(date(2026, 11, 1), TODAY, "x") == Fact(20, "x")
    assert facts.age(date(2026, 11, 22), TODAY, "x") == Fact(0, "x")  # another time zone
    assert facts.age(date(2027, 1, 1), TODAY, "x") == Fact(None, "x")  # a clock that was wrong
    assert facts.age(None, TODAY, "x") == Fact(None, "x")
