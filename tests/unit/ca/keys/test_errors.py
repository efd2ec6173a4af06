from pgward.ca.keys.errors import PinError, SigningError
from pgward.core.errors import InvalidInputError, UnavailableError


def test_a_key_that_is_away_may_come_back_and_a_pin_may_not():
    assert issubclass(SigningError, UnavailableError)
    assert issubclass(PinError, InvalidInputError)
