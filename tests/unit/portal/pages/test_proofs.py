import pytest

from pgward.core.errors import InvalidInputError
from pgward.portal.pages.proofs import Proven


def test_a_proof_is_a_code_or_a_password_or_nothing():
    proof = Proven(proof_code=" 123 456 ").proof
    assert (proof.factor, proof.code, proof.password) == ("totp", "123456", None)
    assert Proven(proof_code="abcd-efgh").proof.factor == "recovery"
    proof = Proven(proof_password="secret").proof
    assert proof.password is not None
    assert (proof.factor, proof.password.get_secret_value()) == (None, "secret")
    assert Proven().proof.model_dump(exclude_none=True) == {}


def test_a_password_that_no_hash_takes_is_refused():
    with pytest.raises(InvalidInputError):
        assert Proven(proof_password="\ud800").proof
