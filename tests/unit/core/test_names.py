import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core import names
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize("name", ["alice", "alice.b@example.com", "_svc", "A-1", "a" * 63])
def test_a_name_that_may_be_the_cn(name):
    assert names.identity(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 64,
        "alice\n",
        "alice\0",
        "alice bob",
        "alice,bob",
        "CN=alice",
        "alice/bob",
        "alice+bob",
        "alice\\2c",
        "*",
        "ali\u0441e",
        "ali\u200bce",
        "alice\u00a0",
        "-alice",
        ".alice",
        "@alice",
        "٣",
    ],
)
def test_a_name_that_could_smuggle_another_is_refused(name):
    with pytest.raises(InvalidInputError):
        names.identity(name)


@pytest.mark.parametrize("name", ["unknown", "Unknown", "UNKNOWN"])
def test_nobody_new_gets_the_name_that_the_audit_log_has_for_strangers(name):
    assert names.identity(name) == name  # who has it already keeps it
    with pytest.raises(InvalidInputError, match=f"'{name}' is reserved") as caught:
        names.new_identity(name)
    assert caught.value.hint == "choose another name"


def test_other_names_are_for_new_people_as_they_are_for_all():
    assert names.new_identity("unknown.soldier") == "unknown.soldier"
    with pytest.raises(InvalidInputError, match="cannot be a user name"):
        names.new_identity("a,b")


@given(st.text(max_size=80))
def test_what_passes_is_plain_ascii_without_separators(text):
    try:
        name = names.identity(text)
    except InvalidInputError:
        return
    assert name.isascii()
    assert not set(name) & set("*,/+=\\\0 '\"#;<>")


@pytest.mark.parametrize("name", ["orders", "a", "a-1", "a" * 63])
def test_a_resource_is_one_dns_label(name):
    assert names.resource_name(name) == name


@pytest.mark.parametrize("name", ["", "Orders", "a_b", "-a", "a-", "a.b", "a" * 64, "a\n", "../a"])
def test_other_resource_names_are_refused(name):
    with pytest.raises(InvalidInputError):
        names.resource_name(name)


def test_dns_names_are_lowered():
    assert names.dns_name("DB1.Example.COM") == "db1.example.com"


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "a..b", "a.", "-a.b", "a-.b", "a b", "a" * 64, "a." * 127 + "ab", "*.a", "a/b"),
        *("\u212aafka.test", "\uff41.test", "a\u3002b", "a\u200b.test", "\u202ea.test"),
    ],
)
def test_other_dns_names_are_refused(name):
    with pytest.raises(InvalidInputError):
        names.dns_name(name)


def test_one_leading_wildcard_label_where_it_is_allowed():
    assert names.dns_name("*.Edge.test", wildcard=True) == "*.edge.test"
    for name in ("*", "*.*.test", "a.*.test", "*a.test"):
        with pytest.raises(InvalidInputError):
            names.dns_name(name, wildcard=True)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("db1", "db1"),
        ("db1.example.com", "db1.example.com"),
        ("*.db.test", "*.db.test"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("a" * 63, "a" * 63),
    ],
)
def test_a_machine_is_called_by_a_label_a_dns_name_or_an_address(name, written):
    assert names.host_name(name) == written


@pytest.mark.parametrize(
    "name", ["", "DB1", "a_b", "a b", "a.", "*", "a" * 64, f"{'a' * 60}.test", "a/b", "a\n"]
)
def test_other_names_of_machines_are_refused(name):
    with pytest.raises(InvalidInputError):
        names.host_name(name)


@pytest.mark.parametrize("name", ["pgward_prove_1", "PGWARD_PROVE_@x", "pgward_prove_ab@corp.test"])
def test_names_of_proofs_are_nobodys(name):
    assert names.is_proof(names.identity(name))
    for check in (names.person, names.new_identity):
        with pytest.raises(InvalidInputError, match="is reserved"):
            check(name)
    assert names.person("pgward_prover") == "pgward_prover"
