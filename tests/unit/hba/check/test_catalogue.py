import re

import pytest

from pgward.hba.check.catalogue import BY_ID, RULES, check
from pgward.hba.check.rule import Example, Rule
from pgward.hba.check.samples import GOOD
from pgward.hba.plan.generate import fragments
from tests.fixtures.golden_hba import PLANS, VERSIONS
from tests.fixtures.hba_examples import subject_of

EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


@EACH
def test_a_bad_example_is_found_and_a_good_one_is_not(rule: Rule) -> None:
    assert rule.id in {each.rule for each in check(subject_of(rule.bad))}
    assert list(rule.findings(subject_of(rule.good))) == []


@EACH
def test_a_rule_says_what_and_why(rule: Rule) -> None:
    assert re.fullmatch(r"HBA\d{3}", rule.id)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert 20 < len(rule.title) < 120
    assert rule.why.endswith(".")


def test_ids_and_names_are_unique_and_in_order() -> None:
    ids = [each.id for each in RULES]
    assert ids == sorted(set(ids))
    assert list(BY_ID) == ids
    assert len({each.name for each in RULES}) == len(RULES)


def test_findings_are_in_the_order_of_lines() -> None:
    hba = "host all all all md5\nhost all all all md5\nhostssl all all all cert\n"
    places = [str(each.place) for each in check(subject_of(Example(hba)))]
    assert places == sorted(places)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", PLANS)
def test_what_is_generated_is_clean(name, version) -> None:
    """But for host names, which a plan may have: the DNS decides then."""
    made = fragments(PLANS[name], version)
    subject = subject_of(Example(made.hba, made.ident, made.postgresql, version, GOOD))
    found = [each.rule for each in check(subject) if each.ignored is None]
    assert [each for each in found if each != "HBA032"] == []
