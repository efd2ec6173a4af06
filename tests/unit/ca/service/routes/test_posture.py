import pytest

from pgward.ca.identity import devices
from pgward.system.posture.gather import gather

SAID = {"os": "linux", "firewall": {"value": True, "how": "ufw"}}


def stored(api):
    with api.store.read() as connection:
        [found] = devices.of(connection, "alice")
    return found


def test_a_device_says_what_it_is_like_between_logins(api, alice):
    assert stored(api).posture is None
    assert alice.call("POST", "/v1/me/posture", {"posture": SAID}).json() == {"changed": True}
    assert stored(api).posture["firewall"] == SAID["firewall"]
    assert alice.call("POST", "/v1/me/posture", {"posture": SAID}).json() == {"changed": False}


def test_what_this_machine_really_says_is_taken(alice):
    answer = alice.call("POST", "/v1/me/posture", {"posture": gather().as_json()})
    assert answer.status_code == 200, answer.text


def test_the_same_again_is_written_once_an_hour(api, alice):
    alice.call("POST", "/v1/me/posture", {"posture": SAID})
    first = stored(api).posture_at
    for minutes, moved in ((30, False), (31, True)):
        api.clock.move(minutes=minutes)
        alice.call("POST", "/v1/me/posture", {"posture": SAID})
        assert (stored(api).posture_at != first) is moved


@pytest.mark.parametrize(
    "said", [{}, {"os": "plan9"}, {"os": "linux", "x": 1}, {"os": "linux", "firewall": "yes"}]
)
def test_what_is_no_posture_is_refused(alice, said):
    assert alice.call("POST", "/v1/me/posture", {"posture": said}).status_code == 422
