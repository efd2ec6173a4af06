from pgward.core.errors import PgwardError
from pgward.pki import errors


def test_every_error_can_be_shown_to_a_person():
    defined = [
        e for e in vars(errors).values() if isinstance(e, type) and e.__module__ == errors.__name__
    ]
    assert len(defined) == 11
    assert all(issubclass(error, PgwardError) for error in defined)
