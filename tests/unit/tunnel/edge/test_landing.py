from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.address import Address
from pgward.tunnel.edge.landing import (
    MAX_NAME,
    Landing,
    application_name,
    landing,
    split_options,
)
from pgward.tunnel.edge.state_postgres import Config, DatabaseRule, NoAuth, UserRule
from pgward.tunnel.preface import Reason, RefusedError

FORCED = Config(
    None,
    (Address("db1", 5432),),
    UserRule(force="app"),
    NoAuth(),
    DatabaseRule(force="orders"),
)
CHOICE = replace(FORCED, user=UserRule(allow=frozenset({"ro", "rw"}), default="ro"))
OWN = replace(FORCED, user=UserRule(from_person=True, strip_domain="example.com"))
DATABASES = DatabaseRule(allow=frozenset({"orders", "stock"}), default="orders")


def refused(config, person="alice", **startup) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        landing(config, startup, person)
    assert caught.value.reason == Reason.DENIED
    return caught.value


def user(config, asked, person="alice") -> str:
    return landing(config, {"user": asked, "database": "x"}, person).user


def database(rule, asked, config=FORCED) -> str:
    startup = {"user": "alice"} | ({} if asked is None else {"database": asked})
    return landing(replace(config, database=rule), startup, "alice").database


# --- as whom ------------------------------------------------------------------------------


def test_everybody_lands_as_the_forced_user_in_the_forced_database():
    found = landing(FORCED, {"user": "postgres", "database": "postgres"}, "alice")
    assert found == Landing("app", "orders", {"application_name": "alice via pgward"}, "", None)
    assert found.startup == {
        "user": "app",
        "database": "orders",
        "application_name": "alice via pgward",
    }


@pytest.mark.parametrize(
    ("asked", "expected"), [("rw", "rw"), ("ro", "ro"), ("alice", "ro"), ("", "ro")]
)
def test_who_does_not_choose_lands_as_the_default(asked, expected):
    assert user(CHOICE, asked) == expected


@pytest.mark.parametrize("asked", ["postgres", "RW", "ro\0", "bob"])
def test_nobody_lands_as_a_user_that_is_not_allowed(asked):
    error = refused(CHOICE, user=asked)
    assert (error.message, error.hint) == (
        f"you may not connect as the user {asked!r}",
        "user=ro or rw",
    )


def test_without_a_default_a_user_must_be_named():
    config = replace(FORCED, user=UserRule(allow=frozenset({"ro", "rw"})))
    error = refused(config, user="alice")
    assert (error.message, error.hint) == (
        "you must say as which user you connect",
        "user=ro or rw",
    )


def test_a_person_whose_name_is_an_allowed_user_is_that():
    config = replace(FORCED, user=UserRule(allow=frozenset({"alice", "ro"}), default="ro"))
    assert user(config, "alice") == "alice"


@pytest.mark.parametrize(
    ("person", "asked", "expected"),
    [
        ("ann@example.com", "ann@example.com", "ann"),
        ("ann@example.com", "ann", "ann"),
        ("Ann@EXAMPLE.com", "", "Ann"),
    ],
)
def test_people_land_as_themselves(person, asked, expected):
    assert user(OWN, asked, person) == expected


def test_people_may_keep_their_whole_names():
    config = replace(FORCED, user=UserRule(from_person=True))
    names = ("alice", "ann@example.com")
    assert [user(config, asked, name) for name in names for asked in ("", name)] == [
        *("alice", "alice"),
        *("ann@example.com", "ann@example.com"),
    ]


def test_nobody_lands_as_somebody_else():
    error = refused(OWN, person="ann@example.com", user="bob")
    assert error.message == "you may not connect as the user 'bob'"
    assert error.hint == "user=ann"


def test_people_may_land_as_themselves_or_as_an_allowed_user():
    config = replace(FORCED, user=UserRule(allow=frozenset({"ro"}), from_person=True))
    assert [user(config, asked) for asked in ("", "alice", "ro")] == ["alice", "alice", "ro"]
    assert refused(config, user="rw").hint == "user=alice or ro"


@pytest.mark.parametrize(
    "person", ["ann", "ann@other.com", "ann@example.com.evil", "annexample.com", "@example.com"]
)
def test_where_a_domain_is_taken_off_nobody_else_may_be_taken_for_one_of_it(person):
    for asked in ("", person, "ann"):
        error = refused(OWN, person=person, user=asked)
        assert error.message == "people of example.com only are themselves at this service"


def test_somebody_without_a_role_of_the_own_name_may_have_others():
    config = replace(FORCED, user=replace(OWN.user, allow=frozenset({"ro"})))
    assert user(config, "ro", "ann") == "ro"
    assert refused(config, person="ann", user="ann").hint == "user=ro"


# --- where --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("stock", "stock"),
        ("orders", "orders"),
        ("alice", "orders"),
        ("", "orders"),
        (None, "orders"),
    ],
)
def test_who_does_not_choose_a_database_lands_in_the_default(asked, expected):
    assert database(DATABASES, asked) == expected


def test_nobody_lands_in_a_database_that_is_not_allowed():
    error = refused(replace(FORCED, database=DATABASES), user="alice", database="postgres")
    assert (error.message, error.hint) == (
        "you may not connect to the database 'postgres'",
        "database=orders or stock",
    )


def test_without_a_default_a_database_must_be_named():
    config = replace(FORCED, database=DatabaseRule(allow=frozenset({"orders", "stock"})))
    error = refused(config, user="alice")
    assert (error.message, error.hint) == (
        "you must say to which database",
        "database=orders or stock",
    )


def test_without_a_rule_the_client_chooses_and_the_users_own_is_the_default():
    rule = DatabaseRule()
    assert [database(rule, asked) for asked in ("stock", "alice", None)] == ["stock", "app", "app"]


def test_a_default_alone_forbids_no_other_database():
    rule = DatabaseRule(default="orders")
    assert [database(rule, asked) for asked in ("stock", "alice", None)] == [
        "stock",
        "orders",
        "orders",
    ]


@pytest.mark.parametrize("asked", ["user", "database"])
def test_names_that_postgresql_would_cut_are_refused(asked):
    config = replace(CHOICE, database=DatabaseRule())
    long = "ä" * 32
    assert refused(config, **{"user": "ro", asked: long}).message == (
        f"the name of that {asked} is longer than 63 bytes"
    )


def test_nobody_lands_as_the_beginning_of_a_name():
    """PostgreSQL cuts a name of 64 bytes, and takes its bearer for whoever is called so."""
    config = replace(FORCED, user=UserRule(from_person=True), database=DatabaseRule())
    long = "a" * (MAX_NAME + 1)
    for asked in ("", long):
        told = refused(config, long, user=asked, database="orders").message
        assert told == "the name of that user is longer than 63 bytes"
    assert landing(config, {"database": "orders"}, long[1:]).user == long[1:]
    # who lands as somebody else may be called as long as they like
    assert user(CHOICE, long, long) == "ro"
    assert landing(CHOICE, {"user": long}, long).database == "orders"


def test_many_choices_are_not_all_shown():
    names = frozenset(f"role{n:02}" for n in range(12))
    hint = refused(replace(FORCED, user=UserRule(allow=names)), user="x").hint
    assert hint == "user=" + " or ".join(sorted(names)[:10]) + ", …"


# --- settings -----------------------------------------------------------------------------


def test_settings_of_the_client_go_along_and_the_services_win():
    config = replace(FORCED, set_parameters={"TimeZone": "UTC", "search_path": "app"})
    startup = {
        "user": "alice",
        "client_encoding": "UTF8",
        "timezone": "Europe/Berlin",
        "replication": "database",
        "_pq_.future": "on",
    }
    assert landing(config, startup, "alice").parameters == {
        "client_encoding": "UTF8",
        "replication": "database",
        "TimeZone": "UTC",
        "search_path": "app",
        "application_name": "alice via pgward",
    }


def test_options_stay_as_they_are():
    startup = {"user": "alice", "options": r"-c geqo=off --search-path=a\ b"}
    assert landing(FORCED, startup, "alice").parameters["options"] == startup["options"]


def test_a_services_options_come_before_the_clients():
    config = replace(FORCED, set_parameters={"options": "endpoint=ep-1"})
    assert landing(config, {}, "alice").parameters["options"] == "endpoint=ep-1"
    found = landing(config, {"options": "-c geqo=off"}, "alice")
    assert found.parameters["options"] == "endpoint=ep-1 -c geqo=off"


@pytest.mark.parametrize(
    "startup",
    [
        {"statement_timeout": "0"},
        {"Statement_Timeout": "0"},
        {"options": "-c statement_timeout=0"},
        {"options": "-cstatement_timeout=0"},
        {"options": "--statement-timeout=0"},
        {"options": r"-c stat\ement_timeout=0"},
        {"options": "-c geqo=off\t-c  STATEMENT-timeout=0"},
    ],
)
def test_a_forbidden_parameter_is_refused_however_it_is_written(startup):
    config = replace(FORCED, forbidden_parameters=frozenset({"statement_timeout"}))
    assert refused(config, **startup).message == (
        "this service forbids the parameter statement_timeout"
    )


@pytest.mark.parametrize("startup", [{"Sort_Mem": "1GB"}, {"options": "-c sort-mem=1GB"}])
def test_a_forbidden_parameter_is_refused_by_its_former_name_too(startup):
    config = replace(FORCED, forbidden_parameters=frozenset({"work_mem"}))
    assert refused(config, **startup).message == "this service forbids the parameter work_mem"


def test_other_switches_are_refused_where_parameters_are_forbidden():
    startup = {"options": "-S 64"}
    assert landing(FORCED, startup, "alice").parameters["options"] == "-S 64"
    config = replace(FORCED, forbidden_parameters=frozenset({"work_mem"}))
    assert refused(config, **startup).message == (
        "the option '-S' of a connection is none that this service takes"
    )


@pytest.mark.parametrize(
    "startup", [{"pgward.reason": " TICKET-7 "}, {"options": "-c pgward.reason=TICKET-7"}]
)
def test_a_reason_is_heard(startup):
    found = landing(FORCED, startup, "alice")
    assert found.reason == "TICKET-7"
    assert "pgward.reason" not in found.parameters


@given(st.text(max_size=40))
def test_any_options_are_split(text):
    assert all(name == name.lower() for name, _ in split_options(text))


@given(st.lists(st.tuples(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=8))))
def test_escaped_options_are_read_back(settings):
    def escaped(value):
        return "".join(f"\\{x}" if x in " \t\n\v\f\r\\" else x for x in value)

    text = " ".join(f"-c {name}={escaped(value)}" for name, value in settings)
    assert list(split_options(text, strict=True)) == settings


# --- the name of the application ----------------------------------------------------------


def named(application, template="{user} via pgward: {application}", user="alice") -> str:
    names = {"user": user, "application": application, "service": "orders", "role": "app"}
    return application_name(template, names)


def test_the_application_carries_the_person():
    found = landing(FORCED, {"application_name": "psql"}, "alice")
    assert found.parameters["application_name"] == "alice via pgward: psql"
    assert found.application == "psql"


def test_the_application_may_come_in_options():
    found = landing(FORCED, {"options": "-c application_name=job"}, "alice")
    assert found.parameters["application_name"] == "alice via pgward: job"


def test_a_long_application_is_cut_and_the_person_is_not():
    found = named("é" * 100, "{application} of {user}")
    assert found == "é" * 27 + " of alice"
    assert len(found.encode()) <= MAX_NAME


@pytest.mark.parametrize(
    ("application", "template", "expected"),
    [
        ("", "{user} via pgward: {application}", "alice via pgward"),
        ("psql", "{user}", "alice"),
        ("psql", "{service}/{role}/{user}/{application}", "orders/app/alice/psql"),
        ("ps\nql", "{user} {application}", "alice psql"),
        ("{user}", "{user} {application}", "alice {user}"),
    ],
)
def test_a_template_is_filled_in(application, template, expected):
    assert named(application, template) == expected


@given(st.text(max_size=100), st.text(min_size=1, max_size=100))
def test_the_application_name_always_fits(application, person):
    assert len(named(application, user=person).encode()) <= MAX_NAME


# --- as the access role of a grant --------------------------------------------------------

BY_GRANT = replace(FORCED, user=UserRule(from_grant=True))


@pytest.mark.parametrize("asked", ["", "alice", "pg_alice"])
def test_who_has_a_grant_lands_as_the_access_role(asked):
    assert landing(BY_GRANT, {"user": asked}, "alice", granted="pg_alice").user == "pg_alice"


def test_nobody_else_has_an_access_role():
    assert refused(BY_GRANT).message == "you have no access role at this service now"
    with pytest.raises(RefusedError, match="may not connect as the user 'pg_bob'") as caught:
        landing(BY_GRANT, {"user": "pg_bob"}, "alice", granted="pg_alice")
    assert caught.value.hint == "user=pg_alice"


def test_a_grant_gives_no_role_where_the_service_does_not_say_so():
    assert landing(CHOICE, {"user": "alice"}, "alice", granted="pg_alice").user == "ro"
    with pytest.raises(RefusedError):
        landing(CHOICE, {"user": "pg_alice"}, "alice", granted="pg_alice")


def test_who_has_none_lands_as_the_service_says_else():
    rule = UserRule(allow=frozenset({"ro"}), default="ro", from_grant=True)
    config = replace(FORCED, user=rule)
    assert landing(config, {"user": "alice"}, "alice").user == "ro"
    assert landing(config, {"user": "alice"}, "alice", granted="pg_alice").user == "pg_alice"
    assert landing(config, {"user": "ro"}, "alice", granted="pg_alice").user == "ro"
