from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access.facts import Database
from pgward.access.plans import HIDDEN
from pgward.access.questions import Question, answer, masked
from pgward.access.quoting import literal
from pgward.access.rights import ObjectRights, Rights
from pgward.access.wanted import Grant, Wanted
from pgward.core.errors import InvalidInputError
from tests.fixtures.server_facts import INTEGRATION, access_role, bundle, facts, texts, thing

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
END = datetime(2026, 3, 1, 13, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 15, tzinfo=UTC)
READING = Rights(objects=frozenset({ObjectRights("shop", "table", "s", "*", ("SELECT",))}))
TABLES = {"shop": Database((thing("table", "t"), thing("table", "u")))}
ASKED = Question(
    "ab12", "0f", Grant("ab12", "alice", "alice", END, frozenset({"reading"})), {"reading": READING}
)
BOBS = Wanted(1, {"reading": READING}, (Grant("g2", "bob", "bob", LATER, frozenset({"reading"})),))


def told(question, wanted, found):
    more, problems = answer(question, wanted, found, INTEGRATION)
    return [each.partition(" IS ")[0] for each in texts(more)], [each.text for each in problems]


def test_a_question_is_read_as_it_was_written():
    assert Question.read(ASKED.to_json()) == ASKED


@pytest.mark.parametrize(
    "change",
    [
        {"request": "x"},
        {"number": ""},
        {"number": 5},
        {"grant": {}},
        {"bundles": {}},
        {"bundles": {"reading": {}}},
        {"bundles": []},
        {"password": "x"},
    ],
)
def test_a_question_of_another_form_is_refused(change):
    with pytest.raises(InvalidInputError):
        Question.read({**ASKED.to_json(), **change})


def test_the_answer_is_all_that_a_first_grant_needs():
    statements, problems = told(ASKED, Wanted(), facts(databases=TABLES))
    assert statements == [
        "CREATE ROLE \"alice\" LOGIN VALID UNTIL E'2026-03-01T13:00:00Z';",
        'COMMENT ON ROLE "alice"',
        'CREATE ROLE "pgward_reading" NOLOGIN;',
        'COMMENT ON ROLE "pgward_reading"',
        'GRANT "pgward_reading" TO "alice" WITH ADMIN FALSE, INHERIT TRUE, SET FALSE;',
        'shop: GRANT SELECT ON TABLE "s"."t", "s"."u" TO "pgward_reading";',
    ]
    assert problems == []


def test_what_is_to_be_done_anyhow_is_not_in_it():
    statements, _ = told(ASKED, BOBS, facts(databases=TABLES))
    assert statements == [
        "CREATE ROLE \"alice\" LOGIN VALID UNTIL E'2026-03-01T13:00:00Z';",
        'COMMENT ON ROLE "alice"',
        'GRANT "pgward_reading" TO "alice" WITH ADMIN FALSE, INHERIT TRUE, SET FALSE;',
    ]
    hers = Wanted(1, {}, (Grant("g3", "alice", "alice", LATER, rights=READING),))
    found = facts(access_role("alice"), bundle("reading", "pgward_reading"), databases=TABLES)
    statements, _ = told(ASKED, hers, found)
    assert statements == [
        'GRANT "pgward_reading" TO "alice" WITH ADMIN FALSE, INHERIT TRUE, SET FALSE;',
        'shop: GRANT SELECT ON TABLE "s"."t", "s"."u" TO "pgward_reading";',
    ]


def test_a_grant_that_is_made_longer_ends_later():
    wanted = ASKED.beside(Wanted())
    longer = replace(ASKED, grant=replace(ASKED.grant, until=LATER))
    assert longer.beside(wanted).grants == (longer.grant,)
    statements, _ = told(longer, wanted, facts(access_role("alice"), databases=TABLES))
    assert "ALTER ROLE \"alice\" VALID UNTIL E'2026-03-01T15:00:00Z';" in statements


def test_only_problems_of_what_is_asked_are_told():
    cannot = Rights(frozenset({"ghost"}))
    question = Question("ab12", "0f", Grant("ab12", "alice", "alice", END, rights=cannot))
    bobs = Wanted(1, {}, (Grant("g2", "bob", "bob", END, rights=Rights(frozenset({"spook"}))),))
    _, problems = told(question, bobs, facts(databases=TABLES))
    assert problems == ["there is no role 'ghost'"]


def test_that_there_is_a_password_is_told_and_not_which():
    question = replace(ASKED, password=2)
    assert Question.read(question.to_json()) == question
    statements, _ = told(question, Wanted(), facts(databases=TABLES))
    assert statements[1] == f'ALTER ROLE "alice" PASSWORD {HIDDEN};'


def test_a_password_is_not_shown():
    assert masked("ALTER ROLE \"al\" PASSWORD 'SCRAM-SHA-256$4096:x$y:z';") == (
        f'ALTER ROLE "al" PASSWORD {HIDDEN};'
    )
    assert masked('ALTER ROLE "al" NOLOGIN PASSWORD NULL;') == (
        'ALTER ROLE "al" NOLOGIN PASSWORD NULL;'
    )


@pytest.mark.parametrize(
    "statement",
    [
        """GRANT SELECT ON TABLE "public"."PASSWORD '", "pay"."salaries", "public"."'" TO "al";""",
        """GRANT SELECT ON TABLE "a"" PASSWORD 'x", "pay"."salaries", "a"" PASSWORD 'y" TO "al";""",
        "COMMENT ON ROLE \"al\" IS E'a PASSWORD ''b'' \\\\';",
        "COMMENT ON ROLE \"al\" IS 'a PASSWORD ''b'' ';",
    ],
)
def test_no_name_hides_what_stands_beside_it(statement):
    assert masked(statement) == statement


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_no_password_is_shown_whatever_is_in_it(secret):
    statement = f"ALTER ROLE \"al\" PASSWORD {literal(secret)} VALID UNTIL E'x';"
    assert masked(statement) == f"ALTER ROLE \"al\" PASSWORD {HIDDEN} VALID UNTIL E'x';"
