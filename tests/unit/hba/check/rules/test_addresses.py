import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of


def found(rule: str, *lines: str, version: int = 16) -> dict[int, str]:
    subject = subject_of(Example("\n".join(lines), version=version))
    assert not subject.hba_problems
    return {each.place.line: each.message for each in BY_ID[rule].findings(subject) if each.place}


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("hostssl all all 0.0.0.0/0 scram-sha-256", True),
        ("hostssl all all 10.2.3.4/0 scram-sha-256", True),
        ("hostssl all all 0.0.0.0 0.0.0.0 scram-sha-256", True),
        ("hostssl all all ::/0 scram-sha-256", True),
        ("host all all all gss", True),
        ('host all all "all" gss', False),
        ("hostssl all all 0.0.0.0/1 scram-sha-256", False),
        ("hostssl all all all cert", False),
        ("hostssl all all all scram-sha-256 clientcert=verify-ca", False),
        ("host all all all reject", False),
        ("host all all samenet md5", False),
        ("local all all md5", False),
    ],
)
def test_every_address(line: str, is_found: bool) -> None:
    assert bool(found("HBA031", line)) == is_found


@pytest.mark.parametrize("version", range(11, 19))
def test_a_certificate_that_version_11_does_not_ask_for(version: int) -> None:
    line = "hostssl all all all scram-sha-256 clientcert=verify-full"
    assert bool(found("HBA031", line, version=version)) == (version == 11)


def test_every_address_behind_a_line_that_takes_it() -> None:
    assert set(found("HBA031", "host all all all reject", "host a b ::/0 md5")) == set()
    assert set(found("HBA031", "host all all ::/0 reject", "host a b all md5")) == {2}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("host all all db.example.com md5", "db.example.com"),
        ("host all all .example.com reject", ".example.com"),
        ('host all all "all" md5', "all"),
        ("host all all 300.1.1.1 md5", "300.1.1.1"),
    ],
)
def test_names_of_hosts(line: str, name: str) -> None:
    assert found("HBA032", line) == {1: f"the DNS decides who comes from {name}"}


def test_addresses_that_are_no_names_of_other_hosts() -> None:
    lines = ["all", "samehost", "samenet", "10.0.0.1/32", "::1/128", "localhost"]
    assert found("HBA032", *(f"host all u{each} {each} md5" for each in lines)) == {}


def test_bits_beyond_the_mask() -> None:
    assert found(
        "HBA033",
        "host all all 10.1.2.3/8 md5",
        "host all all 10.1.2.3 255.255.0.0 md5",
        "host all all fe80::1/64 reject",
        "host all all 10.0.0.0/8 md5",
        "host all all 10.1.2.3/32 md5",
        "host all all ::1/128 md5",
        "host all all all md5",
        "local all all md5",
    ) == {
        1: "10.1.2.3 stands for all of 10.0.0.0/8",
        2: "10.1.2.3 stands for all of 10.1.0.0/16",
        3: "fe80::1 stands for all of fe80::/64",
    }


def test_masks_with_holes() -> None:
    assert found(
        "HBA034",
        "host all all 10.1.2.0 0.0.0.255 md5",
        "host all all 10.1.2.0 255.0.255.0 md5",
        "host all all ff00:: ff00::ff md5",
        "host all all 10.1.2.0 255.255.255.0 md5",
        "host all all 0.0.0.0 0.0.0.0 md5",
        "host all all 10.1.2.3/32 md5",
    ) == {
        1: "the mask of 0.0.0.0/0.0.0.255 is no prefix",
        2: "the mask of 10.0.2.0/255.0.255.0 is no prefix",
        3: "the mask of ff00::/ff00::ff is no prefix",
    }


def test_half_of_loopback_is_said_of_either_half() -> None:
    assert found("HBA035", "host a b 127.0.0.1/32 md5", "host b b ::1/128 md5") == {
        1: "lets b into a from 127.0.0.1/32 by md5, and no line is for ::1",
        2: "lets b into b from ::1/128 by md5, and no line is for 127.0.0.1",
    }
    assert found("HBA035", "host a b 127.0.0.1/32 reject") == {
        1: "keeps b out of a from 127.0.0.1/32, and no line is for ::1"
    }


@pytest.mark.parametrize(
    "other",
    [
        "host a b ::1/128 md5",
        "host a b ::1/128 reject",
        "host all b ::1/128 md5",
        "host a all ::/0 md5",
        "host all all samehost md5",
        "host all all all md5",
        "host all all localhost md5",
        "host c,a d,b ::1/128 md5",
    ],
)
def test_the_other_half_of_loopback(other: str) -> None:
    assert 1 not in found("HBA035", "host a b 127.0.0.0/8 md5", other)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("host a b 127.0.0.1/32 md5", "host a c ::1/128 md5"),
        ("host a b 127.0.0.1/32 md5", "host c b ::1/128 md5"),
        ("host a b 127.0.0.1/32 md5", "host all all db.example.com md5"),
        ("host a b 127.0.0.1/32 md5", "local a b md5"),
        ("host replication b 127.0.0.1/32 md5", "host all b ::1/128 md5"),
    ],
)
def test_lines_that_are_no_other_half(line: str, other: str) -> None:
    assert set(found("HBA035", line, other)) == ({1, 2} if "::1" in other else {1})


@pytest.mark.parametrize("address", ["127.0.0.2/32", "10.0.0.1/32", "0.0.0.0/0", "fe80::1/128"])
def test_what_is_not_loopback_has_no_half(address: str) -> None:
    assert found("HBA035", f"host a b {address} md5") == {}
