from hypothesis import given
from hypothesis import strategies as st

from pgward.access.rights import ObjectRights, matches
from pgward.access.tags import TagRule, overlap, owners_of, tags_of

BASE = {"env": "prod", "owner": "team-shop"}
BILLING = TagRule("shop", "billing", tags={"owner": "billing"})
CARDS = TagRule("shop", "billing", "card*", {"owner": "security", "pii": "yes"})
RULES = (CARDS, BILLING)
PATTERNS = st.text("ab*", max_size=5)


def table(schema: str, name: str, database: str = "shop") -> ObjectRights:
    return ObjectRights(database, "table", schema, name, ("SELECT",))


def test_the_narrowest_rule_counts() -> None:
    found = tags_of(BASE, RULES, "shop", "billing", "cards")

    assert found == {"env": "prod", "owner": "security", "pii": "yes"}


def test_what_no_rule_means_has_the_integrations_tags() -> None:
    assert tags_of(BASE, RULES, "shop", "public", "cards") == BASE
    assert tags_of(BASE, RULES, "shop") == BASE
    assert tags_of(BASE, RULES, "other", "billing", "cards") == BASE


def test_a_schema_is_meant_by_its_rule_and_not_by_that_of_its_tables() -> None:
    assert tags_of(BASE, RULES, "shop", "billing") == {"env": "prod", "owner": "billing"}


def test_of_rules_as_narrow_the_last_counts() -> None:
    rules = [TagRule("shop", tags={"owner": "one"}), TagRule("*", tags={"owner": "two"})]

    assert tags_of(BASE, rules, "shop")["owner"] == "two"


def test_an_object_has_one_owner() -> None:
    assert owners_of(BASE, RULES, table("billing", "cards")) == {"security"}
    assert owners_of(BASE, RULES, table("billing", "bills")) == {"billing"}
    assert owners_of(BASE, RULES, table("public", "bills")) == {"team-shop"}


def test_what_nobody_owns_is_told() -> None:
    assert owners_of({}, RULES, table("public", "bills")) == {None}
    assert owners_of({}, RULES, table("*", "*")) == {None, "billing", "security"}


def test_rights_by_pattern_have_the_owners_of_all_that_they_may_mean() -> None:
    assert owners_of(BASE, RULES, table("*", "*")) == {"team-shop", "billing", "security"}
    assert owners_of(BASE, RULES, table("billing", "*")) == {"billing", "security"}
    assert owners_of(BASE, RULES, table("billing", "cards_*")) == {"security"}
    assert owners_of(BASE, RULES, table("billing", "*s", "*")) == {
        "team-shop",
        "billing",
        "security",
    }


def test_rights_on_a_database_are_no_matter_of_those_who_own_its_schemas() -> None:
    rights = ObjectRights("shop", "database", "", "", ("CONNECT",))

    assert owners_of(BASE, RULES, rights) == {"team-shop"}


def test_rights_on_schemas_sequences_and_functions_are_a_matter_of_the_schemas_owner() -> None:
    schema = ObjectRights("shop", "schema", "", "billing", ("USAGE",))
    sequence = ObjectRights("shop", "sequence", "billing", "card_ids", ("USAGE",))

    assert owners_of(BASE, RULES, schema) == {"billing"}
    assert owners_of(BASE, RULES, sequence) == {"billing"}


def test_another_tag_may_name_the_owner() -> None:
    rules = [TagRule("shop", tags={"keeper": "dba"})]

    assert owners_of({}, rules, table("public", "t"), tag="keeper") == {"dba"}
    assert owners_of({}, rules, table("public", "t")) == {None}


@given(PATTERNS, PATTERNS, st.text("ab", max_size=5))
def test_patterns_that_match_one_name_overlap(one: str, other: str, name: str) -> None:
    assert overlap(one, other) == overlap(other, one)
    if matches(one, name) and matches(other, name):
        assert overlap(one, other)


@given(st.text("ab*", max_size=3), st.text("ab*", max_size=3))
def test_patterns_that_overlap_have_a_name_in_common(one: str, other: str) -> None:
    def names(length: int) -> list[str]:
        if not length:
            return [""]
        return [letter + rest for rest in names(length - 1) for letter in "ab"]

    shared = any(matches(one, name) and matches(other, name) for n in range(7) for name in names(n))

    assert overlap(one, other) == shared


@given(PATTERNS, PATTERNS, st.text("ab", max_size=5))
def test_a_rule_that_means_a_pattern_means_all_its_names(rule: str, asked: str, name: str) -> None:
    if matches(rule, asked) and matches(asked, name):
        assert matches(rule, name)
