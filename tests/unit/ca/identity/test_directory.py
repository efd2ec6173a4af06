import pytest

from pgward.ca.identity import directory
from pgward.ca.identity.directory import ADMINISTRATORS, NewUser
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from tests.fixtures.authority import START


@pytest.fixture
def writing(store):
    with store.write() as transaction:
        yield transaction


@pytest.fixture
def add(writing):
    def add(name, *groups, **fields):
        return directory.add(writing, NewUser(name, groups=groups, **fields), now=START, by="t")

    return add


def test_a_person_is_found_whatever_the_case(writing, add):
    added = add("Alice", "dba", "audit", full_name="Alice A", email="a@x", password_hash="h")
    assert directory.find(writing.connection, "aLICE") == added
    assert (added.name, added.groups, added.administrator) == ("Alice", ("audit", "dba"), False)
    assert directory.password_hash(writing.connection, "ALICE") == "h"
    assert directory.find(writing.connection, "bob") is None
    assert directory.password_hash(writing.connection, "bob") is None


def test_people_are_listed_with_their_groups(writing, add):
    add("bob", "dba")
    add("Alice")
    found = [(user.name, user.groups) for user in directory.everyone(writing.connection)]
    assert found == [("Alice", ()), ("bob", ("dba",))]


@pytest.mark.parametrize("name", ["", "a,b", "-a", "a*", "a b", "é", "a" * 64])
def test_names_that_could_mislead_are_refused(add, name):
    with pytest.raises(InvalidInputError, match="cannot be a user name"):
        add(name)


def test_nobody_is_added_as_the_audit_logs_unknown(add):
    with pytest.raises(InvalidInputError, match="'Unknown' is reserved"):
        add("Unknown")


def test_names_differ_by_more_than_case(add):
    add("alice")
    with pytest.raises(ConflictError, match="'alice' already"):
        add("ALICE")


@pytest.mark.parametrize("text", ["two\nlines", "x" * 201, "\x1b[31m"])
def test_texts_are_single_printable_lines(add, text):
    with pytest.raises(InvalidInputError, match="full name"):
        add("alice", full_name=text)


def test_a_group_needs_a_proper_name(add):
    with pytest.raises(InvalidInputError, match="cannot be a group"):
        add("alice", "No Group")


def test_only_what_is_given_is_updated(writing, add):
    add("alice", "dba", full_name="A", email="a@x")
    found = directory.update(writing, "ALICE", email="b@x")
    assert (found.full_name, found.email, found.groups) == ("A", "b@x", ("dba",))
    assert directory.update(writing, "alice", groups=["audit"]).groups == ("audit",)
    with pytest.raises(NotFoundError):
        directory.update(writing, "bob", email="x")


def test_members_come_and_go_and_the_group_with_them(writing, add):
    add("alice")
    add("bob")
    assert directory.change_members(writing, "dba", add=["ALICE", "bob"]) == ["alice", "bob"]
    assert directory.change_members(writing, "dba", add=["alice"], remove=["bob"]) == ["alice"]
    assert directory.groups(writing.connection) == {"dba": ["alice"]}
    assert directory.change_members(writing, "dba", remove=["alice"]) == []
    assert directory.groups(writing.connection) == {}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"add": ["nobody"]}, NotFoundError),
        ({"remove": ["nobody"]}, NotFoundError),
        ({"add": ["alice"], "remove": ["Alice"]}, InvalidInputError),
    ],
)
def test_members_that_make_no_sense_are_refused(writing, add, change, error):
    add("alice")
    with pytest.raises(error):
        directory.change_members(writing, "dba", **change)


def test_blocking_keeps_the_first_time_and_the_last_reason(writing, add):
    add("root", ADMINISTRATORS)
    add("alice")
    directory.block(writing, "alice", "first", now=START)
    found = directory.block(writing, "alice", "second", now=START.replace(hour=13))
    assert (found.blocked_at, found.blocked_reason) == (START, "second")
    found = directory.unblock(writing, "alice")
    assert (found.blocked_at, found.blocked_reason) == (None, None)


LAST_WAYS = [
    lambda writing: directory.block(writing, "root", "", now=START),
    lambda writing: directory.remove(writing, "root"),
    lambda writing: directory.update(writing, "root", groups=[]),
    lambda writing: directory.change_members(writing, ADMINISTRATORS, remove=["root"]),
]


@pytest.mark.parametrize("change", LAST_WAYS)
def test_the_last_active_administrator_stays(writing, add, change):
    add("root", ADMINISTRATORS)
    add("blocked", ADMINISTRATORS)
    directory.block(writing, "blocked", "", now=START)
    with pytest.raises(ConflictError, match="no active administrator would be left"):
        change(writing)


@pytest.mark.parametrize("change", LAST_WAYS)
def test_an_administrator_among_others_may_go(writing, add, change):
    add("root", ADMINISTRATORS)
    add("other", ADMINISTRATORS)
    change(writing)


def test_what_edges_must_know_is_a_change(writing, add):
    assert not writing.has_changed
    add("alice")
    assert writing.has_changed


def test_a_letter_that_becomes_another_in_lower_case_finds_nobody(store):
    """The Kelvin sign is a k then."""
    with store.write() as transaction:
        directory.add(transaction, NewUser("kate", password_hash="x"), now=START, by="test")
        for find in (directory.find, directory.password_hash):
            assert find(transaction.connection, "\u212aate") is None
            assert find(transaction.connection, "KATE") is not None


def test_members_are_known_by_exact_name(writing, add):
    add("Alice", "dba")
    found = [
        directory.is_member(writing.connection, group, name)
        for group, name in (("dba", "Alice"), ("dba", "alice"), ("audit", "Alice"))
    ]
    assert found == [True, False, False]


def test_several_are_found_at_once_by_exact_name(writing, add):
    add("Alice", "dba", "audit")
    add("bob")
    found = directory.several(writing.connection, {"Alice", "BOB", "carol"})
    assert found == {"Alice": directory.find(writing.connection, "Alice")}
    assert directory.several(writing.connection, {"bob"})["bob"].groups == ()
    assert directory.several(writing.connection, ()) == {}
