import pytest
from pydantic import ValidationError

from pgward.ca.identity.posture import PostureReport, PostureRules, is_version, problems

GOOD = PostureReport.model_validate(
    {
        "os": "linux",
        "os_name": "Ubuntu 24.04.1 LTS",
        "os_version": "24.04",
        "kernel": "6.8",
        "disk_encrypted": {"value": True, "how": "dm-crypt"},
        "screen_lock": {"value": True, "how": "gsettings"},
        "firewall": {"value": True, "how": "ufw"},
        "updates_age_days": {"value": 3, "how": "apt"},
    }
).model_dump()
ALL = PostureRules(
    required=("disk_encrypted", "screen_lock", "firewall"),
    updates_within_days=30,
    os_versions=(("ubuntu", "22.04"), ("macos", "14.4")),
)


def fact(value):
    return {"value": value, "how": "x"}


def test_a_good_device_has_no_problems():
    assert problems(ALL, GOOD) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"disk_encrypted": fact(False)}, ["the disk is not encrypted"]),
        ({"screen_lock": fact(False)}, ["the screen does not lock itself"]),
        ({"firewall": fact("unknown")}, ["whether a firewall is on is not known"]),
        ({"updates_age_days": fact(31)}, ["it was last updated 31 days ago, not within 30"]),
        ({"updates_age_days": fact("unknown")}, ["when it was last updated is not known"]),
        ({"os_version": "20.04"}, ["its ubuntu is 20.04, older than 22.04"]),
        ({"os_version": "rolling"}, ["the version of its ubuntu is not known"]),
        ({"os_version": "22"}, ["its ubuntu is 22, older than 22.04"]),
        ({"os_version": "22.4.0"}, []),
        (
            {"os_name": "Arch Linux"},
            ["its operating system Arch Linux is not one of those allowed"],
        ),
        ({"os": "macos", "os_name": "macOS", "os_version": "14.10"}, []),
        (
            {"os": "macos", "os_name": "macOS", "os_version": "9"},
            ["its macos is 9, older than 14.4"],
        ),
    ],
)
def test_each_fact_is_looked_at(changed, expected):
    assert problems(ALL, GOOD | changed) == expected


def test_a_device_that_says_nothing_is_unknown_in_all():
    found = problems(ALL, None)
    assert len(found) == 5
    assert all("not known" in each for each in found)


def test_what_is_unknown_may_be_allowed_and_what_is_wrong_is_not():
    rules = PostureRules(required=("firewall", "screen_lock"), allow_unknown=True)
    assert problems(rules, None) == []
    assert problems(rules, GOOD | {"firewall": fact(False)}) == ["no firewall is on"]


def test_the_name_of_a_system_counts_more_than_its_family():
    rules = PostureRules(os_versions=(("linux", "any"), ("ubuntu", "24.10")))
    assert problems(rules, GOOD) == ["its ubuntu is 24.04, older than 24.10"]
    assert problems(rules, GOOD | {"os_name": "Fedora Linux 40", "os_version": "40"}) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"extra": 1},
        {"os": "solaris"},
        {"os": None},
        {"os_name": "x" * 201},
        {"disk_encrypted": True},
        {"disk_encrypted": {"value": "yes"}},
        {"disk_encrypted": {"value": 1}},
        {"disk_encrypted": {"value": True, "how": "x", "more": 1}},
        {"updates_age_days": {"value": True}},
        {"updates_age_days": {"value": -1}},
        {"updates_age_days": {"value": 10**9}},
    ],
)
def test_what_is_no_report_is_refused(changed):
    with pytest.raises(ValidationError):
        PostureReport.model_validate(GOOD | changed)


def test_what_could_disguise_a_report_is_left_out():
    found = PostureReport.model_validate({"os": "other", "os_name": "a\x1b[2J\u202e\0b"})
    assert found.os_name == "a[2Jb"
    assert found.firewall.value == "unknown"


@pytest.mark.parametrize(
    ("text", "expected"), [("14", True), ("1.2.3", True), ("", False), ("x", False)]
)
def test_versions(text, expected):
    assert is_version(text) is expected
