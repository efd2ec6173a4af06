import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.ldap import ber
from pgward.ca.login.ldap.filters import Filter
from pgward.core.errors import InvalidInputError


def equal(attribute, value):
    return ber.value(0xA3, ber.string(attribute), ber.string(value))


def substrings(*parts):
    inside = [ber.string(text, tag) for text, tag in parts]
    return ber.value(0xA4, ber.string("cn"), ber.value(0x30, *inside))


def test_a_filter_as_ldap_carries_it():
    found = Filter("(&(objectClass=person)(|(uid={user})(!(mail=x))))", ("user",))
    uid, mail = equal("uid", "alice"), equal("mail", "x")
    either = ber.value(0xA1, uid, ber.value(0xA2, mail))
    assert found.encode(user="alice") == ber.value(0xA0, equal("objectClass", "person"), either)
    assert found.uses == {"user"}


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("(cn=*)", ber.string("cn", 0x87)),
        ("(o=Parens R Us \\28for all\\29)", equal("o", "Parens R Us (for all)")),
        ("(x=\\00\\ff)", equal("x", b"\0\xff")),
        ("(cn>=5)", ber.value(0xA5, ber.string("cn"), ber.string("5"))),
        ("(cn<=5)", ber.value(0xA6, ber.string("cn"), ber.string("5"))),
        ("(cn~=5)", ber.value(0xA8, ber.string("cn"), ber.string("5"))),
        ("(seeAlso=)", equal("seeAlso", "")),
        ("(cn=a*b*c)", substrings(("a", 0x80), ("b", 0x81), ("c", 0x82))),
        ("(cn=*b*)", substrings(("b", 0x81))),
        ("(cn=a*)", substrings(("a", 0x80))),
        (
            "(member:1.2.840.113556.1.4.1941:=x)",
            ber.value(
                0xA9,
                ber.string("1.2.840.113556.1.4.1941", 0x81),
                ber.string("member", 0x82),
                ber.string("x", 0x83),
            ),
        ),
        (
            "(cn:dn:=x)",
            ber.value(0xA9, ber.string("cn", 0x82), ber.string("x", 0x83), ber.boolean(True, 0x84)),
        ),
    ],
)
def test_every_kind_of_filter(text, encoded):
    assert Filter(text).encode() == encoded


@pytest.mark.parametrize(
    "typed", ["*", "alice)(uid=*", "*)(|(uid=*", "\\2a", "a\0b", "(", "{dn}", "ä" * 50]
)
def test_whatever_is_typed_stays_one_value(typed):
    found = Filter("(&(objectClass=person)(uid={user}))", ("user",)).encode(user=typed)
    expected = ber.value(0xA0, equal("objectClass", "person"), equal("uid", typed))
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uid=x",
        "(uid=x",
        "(uid=x))",
        "(uid)",
        "(&)",
        "(!(a=b)(c=d))",
        "(=x)",
        "(u d=x)",
        "(uid={other})",
        "(uid=a(b)",
        "(uid=\\2)",
        "(uid=\0)",
        "(uid>=a*)",
        "(:=x)",
        "(a:b:c:=x)",
        "(" * 50 + ")" * 50,
        "(!" * 50 + "(a=b)" + ")" * 50,
        "(a=" + "x" * 5000 + ")",
    ],
)
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(InvalidInputError, match="the LDAP filter"):
        Filter(text, ("user",))


def test_an_error_says_where():
    with pytest.raises(InvalidInputError) as caught:
        Filter("(&(uid=x)(y))")
    assert caught.value.message == "the LDAP filter lacks a = (at letter 11)"


@given(st.text(alphabet="()&|!=*\\{}:a1;<>~ user", max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        Filter(text, ("user",)).encode(user="x")
    except InvalidInputError:
        return


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("(uid={user})", ber.string("uid", 0x87)),
        ("(mail={user}@x)", ber.string("mail", 0x87)),
        ("(cn=*{user}*)", ber.string("cn", 0x87)),
        ("(:2.5.13.2:={user})", ber.string("objectClass", 0x87)),
        (
            "(!(uid={user}x))",
            ber.value(0xA2, ber.value(0xA2, ber.string("objectClass", 0x87))),
        ),
        ("(!(!(uid={user})))", ber.value(0xA2, ber.value(0xA2, ber.string("uid", 0x87)))),
        (
            "(&(a=b)(|(uid={user})(mail=x)))",
            ber.value(
                0xA0,
                equal("a", "b"),
                ber.value(0xA1, ber.string("uid", 0x87), equal("mail", "x")),
            ),
        ),
    ],
)
@pytest.mark.parametrize("id_", [b"id1", b"*)(uid=*", b"\xff\0"])
def test_all_but_the_name_holds_for_an_id(text, rest, id_):
    found = Filter(text, ("user",)).encode_for("entryUUID", id_)
    assert found == ber.value(0xA0, equal("entryUUID", id_), rest)
