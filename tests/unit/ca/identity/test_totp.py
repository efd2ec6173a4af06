import hashlib
import hmac
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from pgward.ca.identity import totp

SECRET = b"12345678901234567890"  # RFC 6238 appendix B
NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("moment", "eight_digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_the_standard(moment, eight_digits):
    assert totp.code_of(SECRET, totp.step_at(moment)) == eight_digits[-6:]


def test_the_steps_beside_the_present_one_count_and_no_others():
    present = totp.step_at(NOW)
    found = {
        late: totp.matching_step(
            SECRET, totp.code_of(SECRET, present + late), now=NOW, last_step=None
        )
        for late in range(-3, 4)
    }
    assert found == {
        -3: None,
        -2: None,
        -1: present - 1,
        0: present,
        1: present + 1,
        2: None,
        3: None,
    }


def test_a_code_is_accepted_once_and_none_before_it_afterwards():
    present = totp.step_at(NOW)
    for step, accepted in [(present - 1, None), (present, None), (present + 1, present + 1)]:
        code = totp.code_of(SECRET, step)
        assert totp.matching_step(SECRET, code, now=NOW, last_step=present) == accepted


def test_a_clock_that_went_back_does_not_make_used_codes_good_again():
    code = totp.code_of(SECRET, totp.step_at(NOW))
    used = totp.step_at(NOW + 3600)
    assert totp.matching_step(SECRET, code, now=NOW, last_step=used) is None


@pytest.mark.parametrize(
    "code", ["", "00000", "0000000", "abcdef", "\uff11" * 6, "\0" * 6, "9" * 9999]
)
def test_what_is_no_code_is_wrong(code):
    assert totp.matching_step(SECRET, code, now=NOW, last_step=None) is None


def test_spaces_as_apps_show_them_are_fine():
    code = totp.code_of(SECRET, totp.step_at(NOW))
    spaced = f" {code[:3]} {code[3:]}\n"
    assert totp.matching_step(SECRET, spaced, now=NOW, last_step=None) == totp.step_at(NOW)


def test_the_clock_may_stand_at_1970():
    assert totp.matching_step(SECRET, totp.code_of(SECRET, 0), now=0.0, last_step=None) == 0


def test_the_uri_names_issuer_and_person():
    made = totp.uri(SECRET, user="alice@example.com", issuer="pgward: Example & Co")
    parts = urlsplit(made)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/pgward Example & Co:alice@example.com"
    assert parse_qs(parts.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["pgward Example & Co"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert "+" not in made  # apps show it as a plus


def test_secrets_differ_and_are_as_long_as_the_hash():
    assert len({totp.new_secret() for _ in range(20)}) == 20
    assert len(totp.new_secret()) == hmac.new(SECRET, b"", hashlib.sha1).digest_size
