import pytest

from pgward.ca.login.passkeys import visits
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.core.errors import DeniedError
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER


def visit(**changed):
    return Visit.new(Errand.LOGIN, id="1", expires_at=START, **changed)


def test_a_visit_comes_back_whole_until_it_ends():
    made = visit(thumbprint="jkt", redirect_uri="u", device="laptop", address="::1", user="alice")
    sealed = visits.seal(SEALER, made)
    earlier = START.replace(year=2025)
    assert visits.unseal(SEALER, sealed, now=earlier) == made
    with pytest.raises(DeniedError, match="expired"):
        visits.unseal(SEALER, sealed, now=START)


def test_the_sealed_visit_fits_an_address_and_is_not_to_be_read():
    sealed = visits.seal(SEALER, visit(device="laptop" * 16, name="n" * 60))
    assert len(sealed) < 1500
    assert sealed.replace("-", "").replace("_", "").isalnum()


def test_challenges_states_and_codes_are_new_each_time():
    made = [visit() for _ in range(50)]
    for name in ("challenge", "state", "code"):
        assert len({getattr(each, name) for each in made}) == 50
    assert {len(each.challenge_bytes()) for each in made} == {32}


def test_a_code_is_read_as_people_type_it():
    made = visit()
    assert made.is_code(made.code)
    assert made.is_code(f" {made.code.lower().replace('-', '')} ")
    assert not made.is_code("")
    assert not made.is_code("é" * 6)
