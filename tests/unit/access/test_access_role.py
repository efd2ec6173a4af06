import pytest

from pgward.access.access_role import access_role, bare


@pytest.mark.parametrize(
    ("template", "domain", "user", "expected"),
    [
        ("{user}", None, "ann@example.com", "ann@example.com"),
        ("{user}", "example.com", "Ann@Example.com", "Ann"),
        ("jit_{user}", "example.com", "ann@other.com", "jit_ann@other.com"),
    ],
)
def test_a_role_is_called_after_its_person(template, domain, user, expected):
    assert access_role(template, domain, user) == expected


def test_a_name_that_is_all_domain_stays():
    assert bare("@example.com", "example.com") == "@example.com"
