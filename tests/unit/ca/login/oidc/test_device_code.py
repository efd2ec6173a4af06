from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.oidc.device_code import Waiting
from pgward.ca.login.oidc.errors import RefusedError, UntrustedError
from tests.fixtures.authority import START
from tests.fixtures.fuzz import fuzz
from tests.fixtures.lying_provider import DEVICE, ISSUER

WAITING = Waiting.read(DEVICE, START)


def test_the_answer_is_read() -> None:
    assert (
        Waiting(
            device_code="dc",
            user_code="ABCD-EFGH",
            verification_uri=f"{ISSUER}/device",
            verification_uri_complete=f"{ISSUER}/device?user_code=ABCD-EFGH",
            interval=5,
            expires_at=START.timestamp() + 600,
        )
        == WAITING
    )
    assert Waiting.from_state(WAITING.to_state()) == WAITING


def test_the_device_code_is_shown_to_nobody() -> None:
    assert WAITING.public(START + timedelta(seconds=1)) == {
        "user_code": "ABCD-EFGH",
        "verification_uri": f"{ISSUER}/device",
        "verification_uri_complete": f"{ISSUER}/device?user_code=ABCD-EFGH",
        "interval": 5,
        "expires_in": 599,
    }


@pytest.mark.parametrize(
    ("changes", "interval", "lifetime"),
    [
        ({"interval": 1}, 1, 600),
        ({"interval": "7"}, 7, 600),
        ({"interval": 0}, 5, 600),
        ({"interval": -1}, 5, 600),
        ({"interval": True}, 5, 600),
        ({"interval": 10_000}, 60, 600),
        ({"expires_in": 1e7}, 5, 1800),
        ({"expires_in": "600"}, 5, 600),
    ],
)
def test_times_are_bounded(changes, interval, lifetime) -> None:
    read = Waiting.read(DEVICE | changes, START)
    assert (read.interval, read.expires_at - START.timestamp()) == (interval, lifetime)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"device_code": None}, "no code to type"),
        ({"user_code": "A\x1b[2J"}, "no code to type"),
        ({"user_code": "A" * 100}, "no code to type"),
        ({"verification_uri": "http://idp.test"}, "no HTTPS address"),
        ({"verification_uri": "javascript:alert(1)"}, "no HTTPS address"),
        ({"verification_uri": None}, "no HTTPS address"),
        ({"expires_in": None}, "how long the code is good"),
    ],
)
def test_a_lie_is_named(changes, why) -> None:
    with pytest.raises(UntrustedError, match=why):
        Waiting.read(DEVICE | changes, START)


def test_a_strange_complete_address_is_left_out() -> None:
    read = Waiting.read(DEVICE | {"verification_uri_complete": "http://evil.test"}, START)
    assert read.verification_uri_complete is None


def test_google_calls_it_url() -> None:
    older = {k: v for k, v in DEVICE.items() if k != "verification_uri"}
    read = Waiting.read(older | {"verification_url": "https://g.test"}, START)
    assert read.verification_uri == "https://g.test"


def test_waiting_goes_on_or_ends() -> None:
    assert WAITING.after(RefusedError("authorization_pending")) == WAITING
    assert WAITING.after(RefusedError("slow_down")) == replace(WAITING, interval=10)
    assert replace(WAITING, interval=58).after(RefusedError("slow_down")).interval == 60
    for error in ("access_denied", "invalid_grant", "expired_token"):
        with pytest.raises(RefusedError):
            WAITING.after(RefusedError(error))
    assert not WAITING.is_over(START + timedelta(seconds=599))
    assert WAITING.is_over(START + timedelta(seconds=600))


@fuzz
@given(
    st.dictionaries(
        st.sampled_from([*DEVICE, "interval"]),
        st.none() | st.text() | st.integers() | st.floats() | st.lists(st.text()),
    )
)
def test_nothing_else_than_its_error_is_raised(changes) -> None:
    try:
        read = Waiting.read(DEVICE | changes, START)
    except UntrustedError:
        return
    assert 1 <= read.interval <= 60


def test_the_device_code_is_not_shown():
    assert "hunter2" not in repr(Waiting("hunter2", "AB", "https://x", None, 5, 0.0))
