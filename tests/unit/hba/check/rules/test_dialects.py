import pytest

from pgward.hba.check.catalogue import BY_ID, check
from pgward.hba.check.rule import Example
from pgward.hba.syntax.dialects import Flags
from pgward.hba.syntax.versions import Dialect
from tests.fixtures.hba_examples import subject_of

COCKROACH, YUGABYTE = Dialect.COCKROACHDB, Dialect.YUGABYTEDB


def all_of(hba: str, ident: str = "", **more) -> list[str]:
    return [each.rule for each in check(subject_of(Example(hba, ident, **more)))]


def messages(rule: str, hba: str, ident: str = "", dialect: Dialect = COCKROACH) -> list[str]:
    found = BY_ID[rule].findings(subject_of(Example(hba, ident, dialect=dialect, version=15)))
    return [f"{each.place}: {each.message}" for each in found]


ROOT = "host all root 127.0.0.1/32 cert-password\nhost all root all reject\n"


@pytest.mark.parametrize(
    ("hba", "rules"),
    [
        (f"{ROOT}hostssl all all 10.0.0.0/8 cert", []),
        ("hostssl all all 10.0.0.0/8 cert", ["HBA100"]),
        ("\n", ["HBA101"]),
        (f"{ROOT}host all all 10.0.0.0/8 password", []),  # no connection comes without TLS
        (f"{ROOT}host all +devs 10.0.0.0/8 password", []),
        (f"{ROOT}host all all all cert-password", ["HBA031"]),
        (f"{ROOT}host all all 10.0.0.0/8 trust", ["HBA013"]),
        (f"{ROOT}host all /^a all cert", ["HBA021"]),
        (f"{ROOT}host all a 10.1.2.3/8 cert\nhost all a 10.1.0.0/16 cert", ["HBA011", "HBA033"]),
        (f"{ROOT}host all all all md5", ["HBA001"]),
    ],
)
def test_what_is_found_of_cockroachdb(hba, rules) -> None:
    # Of loopback CockroachDB takes 127.0.0.1/32 alone, so HBA035 is right about it.
    assert sorted(set(all_of(hba, dialect=COCKROACH)) - {"HBA035"}) == rules


def test_comments_ignore_findings_here_too() -> None:
    hba = f"{ROOT}host all all 10.0.0.0/8 trust # pgward-ignore HBA013: a lab\n"
    found = check(subject_of(Example(hba, dialect=COCKROACH)))
    assert [each.ignored for each in found if each.rule == "HBA013"] == ["a lab"]


def test_options_that_do_nothing() -> None:
    assert messages("HBA102", "host all all all cert clientname=DN map=m", "m a b") == [
        "/hba:1:23: clientname=DN does nothing behind cert"
    ]
    assert messages("HBA102", "hostssl all all all cert clientname=DN", dialect=YUGABYTE) == []


def test_methods_that_cannot_be_used() -> None:
    assert messages(
        "HBA103", "local all all cert\nhost all all all peer\nhost all all all cert"
    ) == [
        "/hba:1: lets nobody in: cert cannot be used in local lines",
        "/hba:2: lets nobody in: peer cannot be used in host lines",
    ]


def test_maps_to_reserved_roles() -> None:
    found = messages("HBA104", "host all all all cert map=m", "m a ROOT\nm b c\nm d pg_monitor")
    assert [each.partition(": ")[0] for each in found] == ["/ident:1:5", "/ident:3:5"]


@pytest.mark.parametrize(
    ("hba", "flags", "rules"),
    [
        ("", Flags(), ["HBA110"]),
        ("", Flags(enable_auth=True), ["HBA111"]),
        ("host all all all reject", Flags(enable_auth=True), []),
        ("hostssl all all all cert", Flags(encryption=True), ["HBA029"]),
        ("hostnossl all all all reject", Flags(encryption=True), ["HBA110"]),
        ("local all all trust,host all all all reject", Flags(), ["HBA014"]),
    ],
)
def test_what_yb_tserver_adds(hba, flags, rules) -> None:
    assert all_of(hba, dialect=YUGABYTE, version=15, flags=flags) == rules


def test_a_line_that_is_decided_by_the_built_in_one() -> None:
    hba = "local all postgres peer\nhost all all all reject"
    assert all_of(hba, dialect=YUGABYTE, version=15) == ["HBA011"]
