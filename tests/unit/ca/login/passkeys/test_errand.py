import pytest

from pgward.ca.login.passkeys import errand
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.ca.settings import CaSettings, Settings
from pgward.core.errors import InvalidInputError
from tests.fixtures.authority import START


def test_what_the_device_remembers_is_the_visit_and_its_state(desk):
    visit = Visit.new(Errand.LOGIN, id="1", expires_at=START)
    ask = errand.sent(desk, visit)
    assert (ask.kind, ask.facts["code"]) == ("browser", visit.code)
    assert ask.memory == {"visit": "1", "state": visit.state}


def test_nobody_is_sent_to_an_address_without_a_name(desk):
    addressed = type(desk)(
        *(getattr(desk, name) for name in ("store", "acts", "clock")),
        Settings(ca=CaSettings(url="https://127.0.0.1:8443")),
        *(getattr(desk, name) for name in ("workers", "throttle", "sealer")),
    )
    with pytest.raises(InvalidInputError, match="need a host name"):
        errand.sent(addressed, Visit.new(Errand.LOGIN, id="1", expires_at=START))
