from datetime import timedelta

import pytest

from pgward.ca.issuing import proofs
from pgward.ca.issuing.proofs import Variant
from pgward.core import names
from pgward.core.errors import InvalidInputError, UnavailableError
from tests.fixtures.authority import START


def test_a_name_is_nobodys_and_used_once():
    first, second = proofs.new_name(None), proofs.new_name(None)
    assert first != second
    assert names.is_proof(first)
    with pytest.raises(InvalidInputError, match="reserved"):
        names.new_identity(first.upper())


def test_a_name_in_a_domain():
    assert proofs.new_name("Corp.example").endswith("@corp.example")
    with pytest.raises(InvalidInputError, match="too long"):
        proofs.new_name("a" * 40 + ".example")


def test_the_spans_lie_before_around_and_after_now(new_user_hierarchy):
    issuer = new_user_hierarchy.issuing.certificate
    now = issuer.not_valid_before_utc + timedelta(days=1)
    spans = proofs.spans(now, issuer)
    assert spans.keys() == set(Variant)
    for variant in (Variant.VALID, Variant.REVOKED):
        start, end = spans[variant]
        assert start < now < end <= now + proofs.LIFETIME
    assert spans[Variant.EXPIRED][1] < now < spans[Variant.EARLY][0]
    assert all(end - start <= timedelta(minutes=6) for start, end in spans.values())


def test_a_ca_of_this_minute_can_do_it(new_user_hierarchy):
    issuer = new_user_hierarchy.issuing.certificate
    assert issuer.not_valid_before_utc < START
    start, end = proofs.spans(START, issuer)[Variant.EXPIRED]
    assert issuer.not_valid_before_utc <= start < end < START


@pytest.mark.parametrize("at", ["start", "end"])
def test_a_ca_at_either_end_of_its_life(new_user_hierarchy, at):
    issuer = new_user_hierarchy.issuing.certificate
    now = issuer.not_valid_before_utc if at == "start" else issuer.not_valid_after_utc
    with pytest.raises(UnavailableError, match="too young, or too old"):
        proofs.spans(now, issuer)
