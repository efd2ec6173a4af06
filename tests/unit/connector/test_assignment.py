import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.client.secrets.reference import SecretRef
from pgward.connector.assignment import (
    MOST_INTEGRATIONS,
    MOST_QUESTIONS,
    Assignment,
    Certificate,
    Ending,
    Password,
    ServerSettings,
    Told,
)
from pgward.core.errors import UnavailableError
from tests.fixtures.connectors import NOW, answer, grant_fields, integration_fields, settings_fields


def test_an_integration_is_read_whole():
    fields = integration_fields(
        grant_fields(),
        ending=({"id": "g0", "role": "bob"},),
        reassign_to="app",
        auth={"password": {"from_secret": "shop"}},
        ssl_mode="verify-full",
        ssl_root_cert="system",
        server_name="db.example.com",
        discovery={"every": 3600},
    )
    found = Assignment.read(fields)
    assert found.settings == ServerSettings(
        "db1.internal",
        5432,
        "postgres",
        "pgward_connector",
        Password(SecretRef("secret", "shop")),
        "verify-full",
        "system",
        "db.example.com",
        {"every": 3600},
    )
    assert [each.id for each in found.wanted.grants] == ["g1"]
    assert (found.wanted.reassign_to, found.ending) == ("app", (Ending("g0", "bob"),))
    assert found.settings.address == "db1.internal:5432"


def test_questions_are_read_as_far_as_they_can_be():
    question = {"request": "ab", "number": "1", "grant": grant_fields(), "bundles": {}}
    unknown = {**question, "grant": {"of": "another version"}}
    found = Assignment.read(integration_fields() | {"questions": [unknown, question]})
    assert [(each.request, each.grant.id) for each in found.questions] == [("ab", "g1")]
    many = Assignment.read(integration_fields() | {"questions": [question] * 1000})
    assert len(many.questions) == MOST_QUESTIONS
    assert many.wants_as(found)
    assert not many.wants_as(Assignment.read(integration_fields(grant_fields())))
    assert not many.wants_as(None)


@pytest.mark.parametrize(
    ("told", "read"), [("ab12", "ab12"), (None, None), ("x y", None), (7, None), ("a" * 40, None)]
)
def test_a_question_about_the_server_changes_nothing_that_is_wanted(told, read):
    found = Assignment.read(integration_fields() | {"check": told})
    assert found.check == read
    assert found.wants_as(Assignment.read(integration_fields()))


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"none": True}, None),
        ({"certificate": {"minutes": 5}}, Certificate(300)),
        ({"password": {"from_file": "/etc/pw"}}, Password(SecretRef("file", "/etc/pw"))),
    ],
)
def test_each_way_to_log_in_is_known(auth, expected):
    assert ServerSettings.read(settings_fields(auth=auth)).auth == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"auth": {}},
        {"auth": {"none": False}},
        {"auth": {"password": {"from_air": "x"}}},
        {"port": 0},
        {"port": "5432"},
        {"host": ""},
        {"host": "a\nb"},
        {"database": "a\0b"},
        {"user": "x" * 64},
        {"ssl_mode": "yes"},
        {"ssl_root_cert": 1},
    ],
)
def test_what_cannot_be_read_is_refused_and_nothing_of_it_is_shown(changes):
    with pytest.raises(UnavailableError, match="what the CA says about an integration cannot be"):
        Assignment.read(integration_fields(**changes))


def test_an_answer_is_read_integration_by_integration():
    fields = integration_fields(grant_fields())
    told = Told.read(answer(fields, version=7))
    assert (told.version, told.now, told.integrations) == (7, NOW, {"shop-db": fields})


@pytest.mark.parametrize(
    "changes",
    [
        {"now": "yesterday"},
        {"version": None},
        {"integrations": None},
        {"integrations": [{}]},
        {"integrations": [{"name": "../x"}]},
        {"integrations": [{"name": f"n{n}"} for n in range(MOST_INTEGRATIONS + 1)]},
    ],
)
def test_an_answer_of_another_form_is_refused(changes):
    with pytest.raises(UnavailableError, match="the CA's answer cannot be read"):
        Told.read(answer() | changes)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "settings", "wanted", "ending", "auth", "version", "now"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_comes_is_read_or_refused(value):
    fields = value if isinstance(value, dict) else {"integrations": value, "name": value}
    for read in (Assignment.read, Told.read):
        with pytest.raises(UnavailableError):
            read(fields)
