import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.acme import renewal
from pgward.ca.acme.problems import AcmeError
from pgward.ca.acme.renewal import CertificateId
from tests.fixtures.fuzz import fuzz

START = datetime(2026, 11, 21, tzinfo=UTC)


def test_the_identifier_is_that_of_rfc_9773():
    key_id = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    found = CertificateId(key_id, 0x8765_4321)
    assert str(found) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    assert renewal.parse(str(found)) == found


@fuzz
@given(st.binary(min_size=1, max_size=20), st.integers(1, 2**159))
def test_an_identifier_comes_back(key, serial):
    made = CertificateId(key, serial)
    assert renewal.parse(str(made)) == made
    assert made.serial_hex == f"{serial:x}"


@pytest.mark.parametrize(
    "text", ["", ".", "a", "a.b.c", "AAAA.", ".AAAA", "AAAA.AAE", "AAAA.h2VDIQ", "AAAA.AA=="]
)
def test_other_spellings_are_refused(text):
    with pytest.raises(AcmeError, match="not a certificate identifier"):
        renewal.parse(text)


@fuzz
@given(st.text())
def test_any_text_is_an_identifier_or_one_kind_of_error(text):
    with contextlib.suppress(AcmeError):
        assert str(renewal.parse(text)) == text


def test_a_certificate_is_renewed_about_a_third_before_its_end():
    start, end = renewal.window(START, START + timedelta(days=30), now=START, at_once=False)
    assert (start - START, end - START) == (timedelta(days=18.6), timedelta(days=21))


def test_what_is_renewed_at_once_has_a_window_in_the_past():
    start, end = renewal.window(START, START + timedelta(days=30), now=START, at_once=True)
    assert start < end < START
