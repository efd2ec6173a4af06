import pytest

from pgward.client import posture
from pgward.core.errors import DeniedError, NotFoundError, UnavailableError


class FakeApi:
    def __init__(self, problem=None):
        self.problem = problem
        self.sent = []

    def post(self, path, body):
        self.sent.append((path, body))
        if self.problem is not None:
            raise self.problem


def test_a_report_is_what_this_machine_says():
    api = FakeApi()
    posture.report(api)
    assert api.sent == [("/v1/me/posture", {"posture": posture.facts()})]


@pytest.mark.parametrize("problem", [NotFoundError("no such route"), DeniedError("x")])
def test_a_ca_that_does_not_take_it_hinders_nothing(problem):
    posture.report(FakeApi(problem))


def test_a_ca_that_is_away_is_told():
    with pytest.raises(UnavailableError):
        posture.report(FakeApi(UnavailableError("away")))


def test_people_read_each_fact_with_how_it_was_found():
    found = {
        "os_name": "Debian",
        "disk_encrypted": {"value": True, "how": "dm/uuid"},
        "screen_lock": {"value": "unknown", "how": "no desktop"},
        "firewall": {"value": False, "how": "systemctl"},
        "updates_age_days": {"value": 1, "how": "apt"},
    }
    assert posture.for_people(found) == {
        "os_name": "Debian",
        "os_version": "unknown",
        "kernel": "unknown",
        "disk_encrypted": "yes (dm/uuid)",
        "screen_lock": "unknown (no desktop)",
        "firewall": "no (systemctl)",
        "updates_age_days": "1 (apt)",
    }
