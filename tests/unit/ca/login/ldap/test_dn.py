import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgward.ca.login.ldap import dn
from pgward.core.errors import InvalidInputError

TEMPLATE = "uid={user},ou=people,dc=example,dc=com"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("alice", "alice"),
        ('James "Jim" Smith, III', 'James \\"Jim\\" Smith\\, III'),  # RFC 4514 section 4
        ("Before\rAfter", "Before\\0dAfter"),
        (" x ", "\\ x\\ "),
        (" ", "\\ "),
        ("#hash", "\\#hash"),
        ("a=b+c;d<e>f\\g", "a\\=b\\+c\\;d\\<e\\>f\\\\g"),
        ("nul\0", "nul\\00"),
        ("Lučić", "Lučić"),
        ("a\u202eb", "a\\e2\\80\\aeb"),
    ],
)
def test_values_are_escaped(value, escaped):
    assert dn.escape(value) == escaped


@pytest.mark.parametrize(
    "typed",
    [
        "alice,ou=admins,dc=evil",
        "alice+cn=root",
        "x\\,ou=y",
        '"alice"',
        "alice\0",
        " alice ",
        "#0403616263",
        "a;b",
    ],
)
def test_whatever_is_typed_stays_one_value(typed):
    found = dn.parts(dn.fill(TEMPLATE, user=typed))
    assert len(found) == 4
    assert found[1:] == dn.parts("ou=people,dc=example,dc=com")
    assert [len(each) for each in found] == [1, 1, 1, 1]


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
    | st.text(alphabet=' \\"#,a\r', min_size=1, max_size=6)
)
@example("\\ ")
def test_an_escaped_value_comes_back(value):
    filled = dn.fill("cn={v},dc=x", v=value)
    assert dn.first_value(filled) == value
    assert dn.parts(filled)[1:] == dn.parts("dc=x")


def test_names_are_compared_as_directories_do():
    assert dn.same("CN=DBA , OU=Groups,dc=Example", "cn=dba,ou=groups,DC=example")
    assert dn.same("cn=Night  Shift,dc=x", "cn=night shift,dc=x")
    assert dn.same("cn=a+uid=b,dc=x", "uid=b+cn=a,dc=x")
    assert dn.same("cn=\\c3\\a4,dc=x", "cn=Ä,dc=x")
    assert not dn.same("cn=dba,ou=elsewhere,dc=example", "cn=dba,ou=groups,dc=example")


def test_what_is_below_what():
    base = "ou=groups,dc=example"
    assert dn.is_below("cn=dba,OU=groups,dc=Example", base)
    assert dn.is_below("cn=dba,ou=more,ou=groups,dc=example", base)
    assert not dn.is_below(base, base)
    assert not dn.is_below("cn=dba,ou=elsewhere,dc=example", base)
    assert not dn.is_below("cn=x\\,ou=groups\\,dc=example", base)
    assert not dn.is_below("cn=dba,ou=xgroups,dc=example", base)


@pytest.mark.parametrize("text", ["nonsense", "=x", "cn=a,,dc=b", "1x=a", "x" * 3000])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(InvalidInputError, match="DN"):
        dn.check(text)


def test_quotes_of_old_names_are_understood():
    assert dn.parts('cn="a,b",dc=x') == dn.parts("cn=a\\,b,dc=x")
    assert dn.parts("") == []
