import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.issuing import templates
from pgward.ca.issuing.templates import AltNames
from pgward.core.errors import DeniedError, InvalidInputError

EMAIL, DNS = "email:{user}@example.com", "dns:{machine}.db.example.com"


@pytest.mark.parametrize("template", [EMAIL, DNS, "email:pg.{user}@example.com"])
def test_templates_that_can_be_filled_in(template):
    assert templates.check(template) == template


@pytest.mark.parametrize(
    "template",
    [
        "",
        "email:root@example.com",
        "email:{user}",
        "email:{user}@",
        "email:{user}@localhost",
        "email:x@{user}",
        "email:{user}@a.com,root@b.com",
        "email:{user}@{user}.com",
        "email:{machine}@example.com",
        "dns:{user}.example.com",
        "dns:*.{machine}.example.com",
        "dns:{machine}.exa mple.com",
        "dns:{machine}/x",
        "uri:{user}",
        "dns:{machine!r}.example.com",
        "dns:{machine.__class__}.example.com",
        "email:{user}\n@example.com",
    ],
)
def test_templates_that_are_refused(template):
    with pytest.raises(InvalidInputError):
        templates.check(template)


def test_names_are_made():
    assert templates.fill([EMAIL], "alice") == AltNames(emails=("alice@example.com",))
    assert templates.fill([DNS], "DB1") == AltNames(dns=("db1.db.example.com",))
    assert templates.fill([], "anything at all") == AltNames()


@pytest.mark.parametrize(
    ("template", "owner"),
    [
        (EMAIL, "alice@evil.com"),
        (EMAIL, "a..b"),
        (EMAIL, ".a"),
        (EMAIL, ""),
        (EMAIL, "a b"),
        (EMAIL, "a\x00b"),
        (EMAIL, 'a"b'),
        (DNS, "a.evil"),
        (DNS, "*"),
        (DNS, "-a"),
        (DNS, "a" * 64),
        (DNS, "ä"),
    ],
)
def test_a_name_that_would_say_more_is_denied(template, owner):
    with pytest.raises(DeniedError, match="does not fit"):
        templates.fill([template], owner)


@given(st.text(max_size=70))
def test_whoever_it_is_the_mailbox_is_one_of_the_templates_domain(owner):
    try:
        (made,) = templates.fill([EMAIL], owner).emails
    except DeniedError:
        return
    assert made == f"{owner}@example.com"
    assert made.count("@") == 1
    assert templates.is_email(made)


@given(st.text(max_size=70))
def test_whatever_it_is_the_name_is_one_label_of_the_templates_domain(owner):
    try:
        (made,) = templates.fill([DNS], owner).dns
    except DeniedError:
        return
    assert made == f"{owner.lower()}.db.example.com"
    assert made.count(".") == 3


@pytest.mark.parametrize("name", ["a@b.c", "a.b-c@d.example.com"])
def test_plain_mailboxes(name):
    assert templates.is_email(name)


@pytest.mark.parametrize("name", ["a", "a@", "@b.c", "a@b", "a@b.c@d.e", "a b@c.d", "a@b.c\n"])
def test_others_are_not(name):
    assert not templates.is_email(name)
