import pytest

from pgward.ca.service import auth
from pgward.core.errors import LoginNeededError
from pgward.pki.errors import ProofError


@pytest.mark.parametrize("header", ["DPoP abc", "dpop abc", "DPOP  abc "])
def test_the_scheme_is_read_in_any_case(header):
    assert auth._token(header) == "abc"


@pytest.mark.parametrize("header", [None, "", "Bearer abc", "DPoPabc"])
def test_other_headers_are_no_login(header):
    with pytest.raises(LoginNeededError):
        auth._token(header)


@pytest.mark.parametrize("ahead", [0, 59.9, -60])
def test_a_minute_either_way_is_fine(ahead):
    auth._check_age(ahead)


@pytest.mark.parametrize(
    ("ahead", "said"), [(61, "61 s ahead of the authority's"), (-61, "61 s behind the authority's")]
)
def test_more_is_told_as_the_difference(ahead, said):
    with pytest.raises(ProofError, match=said):
        auth._check_age(ahead)
