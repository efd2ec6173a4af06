import pytest

from pgward.hba.check.patterns import is_one_name, loose_domain, speaks_of_whole


@pytest.mark.parametrize(
    "source",
    [
        "^lic$",
        r"\Alic\Z",
        "^a$|^b$",
        "^(a|b)$",
        "(?i)^ann$",
        "***:(?i)^ann$",
        ".*",
        "^app_.*",
        "^app_.+",
        "^app_(.*)",
        "(.*)@example[.]com$",
        "(?:.*)_ro$",
        ".+_ro$",
        r"^a\|b$",
        "^a[|]b$",
        "^a[]|]b$",
        "^a[[:alpha:]|]b$",
        r"^a\\$",
        "^a$|.*b$",
    ],
)
def test_an_expression_of_a_whole_name(source: str) -> None:
    assert speaks_of_whole(source)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "lic",
        "^lic",
        "lic$",
        "^a|b$",
        "^a|^b$",
        "***=^lic$",
        r"^lic\$",
        "^lic[$]",
        r"\^lic$",
        "[^l]ic$",
        r"^lic\.*",
        "^app_",
        ".lic$",
        r"\.*lic$",
        "[.]*lic$",
        r"^lic\\.",
    ],
)
def test_an_expression_that_is_found_inside(source: str) -> None:
    assert not speaks_of_whole(source)


@pytest.mark.parametrize(
    ("source", "domain"),
    [
        ("^(.*)@example.com$", "@example.com"),
        (r"^(.*)@a\.example.com$", r"@a\.example.com"),
        (r"^(.*)@(x)@a.b$", "@a.b"),
        (r"^(.*)\@example.com$", "@example.com"),
        ("^(.*).db.example.com$", "db.example.com"),
        (r"^(.*)\.db\.example.com$", r"db\.example.com"),
        (r"^my\-host.example.com$", "my-host.example.com"),
    ],
)
def test_a_domain_whose_dot_is_any_letter(source: str, domain: str) -> None:
    assert loose_domain(source) == domain


@pytest.mark.parametrize(
    "source",
    [
        r"^(.*)@example\.com$",
        "^(.*)@example[.]com$",
        "^(.*)@.*$",
        "^(.*)@.+$",
        r"^(.*)@[a-z.]+\.com$",
        "^first.last$",
        "^app_.*$",
        "***=@example.com",
        r"^.*@\w+\.com$",
        "^[a.b.c]$",
        "^(.*)@example$",
    ],
)
def test_dots_that_are_meant(source: str) -> None:
    assert loose_domain(source) is None


@pytest.mark.parametrize(
    ("source", "is_one"),
    [
        ("^boss$", True),
        (r"^boss@example\.com$", True),
        ("^two words$", True),
        ("^boss", False),
        ("boss$", False),
        ("^bos.$", False),
        (r"^\w$", False),
        ("^(boss)$", False),
        ("^a|b$", False),
    ],
)
def test_an_expression_that_is_one_name(source: str, is_one: bool) -> None:
    assert is_one_name(source) == is_one
