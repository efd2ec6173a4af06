import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of


def found(rule: str, *lines: str, version: int = 16, conf: str | None = None) -> list[str]:
    subject = subject_of(Example("\n".join(lines), conf=conf, version=version))
    return [f"{place}: {message}" for place, message, *_ in BY_ID[rule].look(subject)]


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (["hostssl all all all cert", "host all all all md5"], 0),
        (["host all all all reject", "hostssl all all all cert"], 0),
        (["local all all trust", "hostssl all all all cert"], 0),
        (["hostnossl all all all md5", "hostssl all all all cert"], 0),
        (["host db all all md5", "hostssl other all all cert"], 0),
        (["host all ann all md5", "hostssl all bob all cert"], 0),
        (["host all ann all md5", "hostssl all +team all cert"], 1),
        (["host replication all all md5", "hostssl all all all cert"], 0),
        (["host all all 10.0.0.0/8 md5", "hostssl all all 11.0.0.0/8 cert"], 0),
        (["host all all 10.0.0.0/8 md5", "hostssl all all ::/0 cert"], 0),
        (["host all all samenet md5", "hostssl all all ::/0 cert"], 1),
        (["host all /^a all md5", "hostssl all ann all cert"], 1),
        (["host all /^b all md5", "hostssl all ann all cert"], 0),
        (["hostssl all all all md5 clientcert=verify-ca", "hostssl all all all cert"], 0),
    ],
)
def test_ways_past_the_certificate(lines, count) -> None:
    assert len(found("HBA010", *lines)) == count


def test_the_nearest_line_that_is_passed_is_named() -> None:
    cert = "hostssl all all all cert"
    assert found("HBA010", "host all all all md5", cert, cert) == [
        "/hba:1: lets people in by md5 whom line /hba:2 would ask for a certificate"
    ]


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (["host all all 10.0.0.0/8 md5", "hostssl a b 10.1.2.3/32 cert"], 1),
        (["hostssl all all 10.0.0.0/8 md5", "host a b 10.1.2.3/32 cert"], 0),
        (["host all all all md5", "host replication all all md5"], 0),
        (["host a,b all all md5", "host b,a all all md5", "host a,c all all md5"], 1),
        (["host a all all md5", "host b all all md5", "host a,b all all md5"], 0),
        (['host "all" all all md5', "host db all all md5"], 0),
        (["host all all 0.0.0.0/0 md5", "host all all ::/0 md5"], 0),
        (["host all all 10.0.0.9 255.0.0.255 md5", "host a b 10.7.7.9/32 md5"], 1),
        (["host all all samenet md5", "host all ann samenet md5"], 1),
        (["host all all h.test md5", "host all all h.test md5"], 1),
        (["local all all peer", "local db ann trust", "host db ann all md5"], 1),
    ],
)
def test_lines_that_are_never_reached(lines, count) -> None:
    assert len(found("HBA011", *lines)) == count


def test_the_first_line_that_covers_it_is_named() -> None:
    wide, narrow = "host all all 10.0.0.0/8 md5", "host all all 10.1.0.0/16 md5"
    _, said = found("HBA011", wide, narrow, "host a b 10.1.0.1/32 md5")
    assert said == "/hba:3: can never match: line /hba:1 comes first"


def test_lines_for_tls_without_it() -> None:
    lines = ("hostssl a a all cert", "host a a all md5")
    assert found("HBA012", *lines, conf="ssl = false") == ["/hba:1: can never match: ssl is off"]
    assert found("HBA012", *lines) == []
