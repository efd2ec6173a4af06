"""How a session is recorded, and what is told of it when that changes."""

import json
from dataclasses import replace

import pytest

from pgward.tunnel.edge.aware.recorded import Recorded
from tests.fixtures.aware_sessions import CONFIG

RESULTS = Recorded("results", "age1a", 1024)


@pytest.mark.parametrize(
    ("level", "expected", "results"),
    [
        ("none", Recorded("none", None, None), 0),
        ("statements", Recorded("statements", "age1a", None), 0),
        ("results", RESULTS, 1024),
    ],
)
def test_a_configuration_says_how(level, expected, results):
    config = replace(CONFIG, recording=level, result_limit=1024)
    found = Recorded.of(config, None if level == "none" else "age1a")
    assert found == expected
    assert found.results == results


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (
            Recorded("none", None, None),
            {
                "reason": "the service has its sessions recorded otherwise now: not at all",
                "recording": "none",
                "recording_before": "results",
            },
        ),
        (
            replace(RESULTS, limit=10),
            {
                "reason": "of each answer 10 bytes are recorded now, not 1024",
                "recording": "results",
                "recipient": "age1a",
                "result_limit": 10,
            },
        ),
        (
            replace(RESULTS, recipient="age1b"),
            {
                "reason": "the recording is encrypted for another key now",
                "recording": "results",
                "recipient": "age1b",
                "result_limit": 1024,
            },
        ),
    ],
)
def test_a_change_is_told(now, expected):
    assert json.loads(now.note(RESULTS)) == expected
