import pytest

from pgward.hba.check.catalogue import BY_ID, check
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of


def found(rule: str, *lines: str, version: int = 16) -> dict[int, str]:
    subject = subject_of(Example("\n".join(lines), version=version))
    assert not subject.hba_problems
    return {each.place.line: each.message for each in BY_ID[rule].findings(subject) if each.place}


# With --auth-local=peer --auth-host=scram-sha-256.
INITDB = """
local   all             all                                     peer
host    all             all             127.0.0.1/32            scram-sha-256
host    all             all             ::1/128                 scram-sha-256
local   replication     all                                     peer
host    replication     all             127.0.0.1/32            scram-sha-256
host    replication     all             ::1/128                 scram-sha-256
"""


@pytest.mark.parametrize("version", range(11, 19))
def test_nothing_is_found_in_what_initdb_writes(version: int) -> None:
    assert check(subject_of(Example(INITDB, version=version))) == []


def test_trust_says_for_whom() -> None:
    assert found("HBA013", "host shop bob 10.0.0.0/8 trust") == {
        1: "lets bob into shop from 10.0.0.0/8 by trust"
    }


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("host all all all trust", "HBA013"),
        ("host all all 127.0.0.1/7 trust", "HBA013"),
        ("host all all samenet trust", "HBA013"),
        ("host all all pc.example.com trust", "HBA013"),
        ("hostgssenc all all all trust", "HBA013"),
        ("hostssl all all all trust", "HBA013"),
        ("local all all trust", "HBA014"),
        ("host all all 127.0.0.1/32 trust", "HBA014"),
        ("host all all ::1/128 trust", "HBA014"),
        ("host all all samehost trust", "HBA014"),
        ("host all all localhost trust", "HBA014"),
        ("hostssl all all all trust clientcert=verify-ca", "HBA018"),
        ("hostssl all all 127.0.0.1/32 trust clientcert=verify-ca", "HBA018"),
        ("hostssl all all all ident clientcert=verify-ca", "HBA018"),
        ("hostssl all all all trust clientcert=verify-full", None),
        ("hostssl all all all scram-sha-256 clientcert=verify-ca", None),
        ("hostssl all all all cert", None),
        ("hostssl all all all cert clientcert=verify-full", None),
        ("hostssl all all all gss clientcert=verify-ca", None),
        ("hostssl all all all reject clientcert=verify-ca", None),
        ("local all all peer", None),
        ("host all all all reject", None),
    ],
)
def test_which_kind_of_trust_it_is(line: str, rule: str | None) -> None:
    assert [each for each in ("HBA013", "HBA014", "HBA018") if found(each, line)] == (
        [rule] if rule else []
    )


def test_what_a_line_above_decides_is_not_said_again() -> None:
    lines = ["host all all 10.0.0.0/8 reject", "host all all 10.1.0.0/16 trust"]
    assert found("HBA013", *lines) == {}
    assert set(found("HBA013", *lines, "host all all 11.0.0.0/8 trust")) == {3}


@pytest.mark.parametrize("version", range(11, 19))
def test_trust_with_a_certificate_by_version(version: int) -> None:
    line = "hostssl all all all trust clientcert=verify-full"
    assert bool(found("HBA013", line, version=version)) == (version == 11)
    assert bool(found("HBA019", line, version=version)) == (version == 11)
    assert found("HBA018", line, version=version) == {}


@pytest.mark.parametrize(("version", "rule"), [(11, "HBA018"), (12, "HBA018"), (13, "HBA018")])
def test_clientcert_1_binds_no_name(version: int, rule: str) -> None:
    assert found(rule, "hostssl all all all trust clientcert=1", version=version)
    assert not found("HBA013", "hostssl all all all trust clientcert=1", version=version)
    assert not found("HBA013", "hostssl all all all cert clientcert=1", version=version)
    assert not found("HBA018", "hostssl all all all cert clientcert=1", version=version)


@pytest.mark.parametrize("version", [12, 13])
def test_clientcert_0_asks_for_nothing(version: int) -> None:
    assert found("HBA013", "hostssl all all all trust clientcert=0", version=version)


@pytest.mark.parametrize(
    ("line", "is_bare"),
    [
        ("host all all all scram-sha-256", True),
        ("host all all all gss", True),
        ("hostnossl all all all scram-sha-256", True),
        ("hostnogssenc all all all scram-sha-256", True),
        ("hostnogssenc all all samenet scram-sha-256", True),
        ("hostssl all all all scram-sha-256", False),
        ("hostgssenc all all all gss", False),
        ("host all all 127.0.0.1/32 scram-sha-256", False),
        ("host all all localhost scram-sha-256", False),
        ("hostnossl all all all reject", False),
        ("local all all scram-sha-256", False),
    ],
)
def test_what_matches_without_tls(line: str, is_bare: bool) -> None:
    assert bool(found("HBA015", line)) == is_bare


def test_a_line_for_both_is_told_from_one_without_tls() -> None:
    assert found("HBA015", "host a b 10.0.0.0/8 gss", "hostnossl c b 10.0.0.0/8 gss") == {
        1: "lets b into a from 10.0.0.0/8 by gss without TLS, too",
        2: "lets b into c from 10.0.0.0/8 by gss without TLS",
    }


@pytest.mark.parametrize("rule", ["HBA015", "HBA016"])
@pytest.mark.parametrize(
    ("above", "is_found"),
    [
        ("hostnossl all all all reject", False),
        ("hostnossl all all 10.0.0.0/7 reject", False),
        ("hostnogssenc all all all reject", False),
        ("hostnossl all all 10.1.0.0/16 reject", True),
        ("hostnossl all bob all reject", True),
        ("hostnossl replication all all reject", True),
        ("hostssl all all all cert", True),
        ("hostgssenc all all all reject", True),
    ],
)
def test_a_line_above_that_takes_what_is_not_encrypted(
    rule: str, above: str, is_found: bool
) -> None:
    assert (2 in found(rule, above, "host all all 10.0.0.0/8 password")) == is_found


@pytest.mark.parametrize(
    "method",
    [
        "password",
        "ldap ldapserver=x ldapbasedn=y",
        "radius radiusservers=a radiussecrets=b",
        "pam",
        "bsd",
    ],
)
def test_cleartext_passwords(method: str) -> None:
    for kind in ("host", "hostnossl", "hostnogssenc"):
        assert found("HBA016", f"{kind} all all 10.0.0.0/8 {method}")
    for line in (f"hostssl all all all {method}", f"hostgssenc all all all {method}"):
        assert not found("HBA016", line)
    assert not found("HBA016", f"host all all 127.0.0.1/32 {method}")
    assert not found("HBA016", f"local all all {method}")


@pytest.mark.parametrize("method", ["md5", "scram-sha-256", "gss", "trust"])
def test_no_cleartext_password(method: str) -> None:
    assert not found("HBA016", f"host all all 10.0.0.0/8 {method}")


@pytest.mark.parametrize("version", range(11, 19))
def test_md5_and_when_it_is_deprecated(version: int) -> None:
    lines = ["host a b 10.0.0.0/8 md5", "local a b md5", "host md5 md5 all scram-sha-256"]
    said = found("HBA017", *lines, version=version)
    assert set(said) == {1, 2}
    assert ("deprecated" in said[1]) == (version == 18)


@pytest.mark.parametrize(
    ("option", "is_off"),
    [
        ("clientcert=verify-full", True),
        ("clientcert=verify-ca", True),
        ("clientcert=on", True),
        ("clientcert=1 clientcert=verify-full", True),
        ("clientcert=verify-full clientcert=1", False),
        ("clientcert=1", False),
        ("clientcert=0", False),
        ("clientcert=no-verify", False),
        ("", False),
    ],
)
def test_what_version_11_takes_as_off(option: str, is_off: bool) -> None:
    assert bool(found("HBA019", f"hostssl all all all md5 {option}", version=11)) == is_off
    assert not found("HBA019", f"hostssl all all all reject {option}", version=11)
