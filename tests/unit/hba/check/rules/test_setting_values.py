import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from pgward.hba.check.subject import Subject
from pgward.hba.syntax.files import Place, PlacedSetting
from pgward.hba.syntax.settings import Setting
from pgward.hba.syntax.versions import Abilities
from tests.fixtures.hba_examples import subject_of

LEAST, MOST = "ssl_min_protocol_version", "ssl_max_protocol_version"


def found(rule: str, conf: str, version: int = 16) -> list[str]:
    subject = subject_of(Example(conf=conf, version=version))
    return [f"{place}: {message}" for place, message, *_ in BY_ID[rule].look(subject)]


def test_a_value_that_is_refused_and_what_is_taken() -> None:
    conf = "port = abc\nssl = on\nPassword_Encryption = foo"
    assert found("HBA007", conf) == [
        "/conf:1:1: PostgreSQL 16 takes no port = 'abc': it is a number from 1 to 65535",
        (
            "/conf:3:1: PostgreSQL 16 takes no password_encryption = 'foo': "
            "it is md5 or scram-sha-256"
        ),
    ]


def test_the_last_of_a_name_counts() -> None:
    assert found("HBA007", "ssl = maybe\nssl = on") == []
    assert len(found("HBA007", "ssl = on\nSSL = maybe")) == 1


def test_what_the_server_was_started_with_hides_it_and_mends_nothing() -> None:
    settings = [
        PlacedSetting(Place("/d/postgresql.conf", 1, 1), Setting("port", "abc", 1, 8)),
        PlacedSetting(Place("/d/postmaster.opts", 1), Setting("port", "5432", 1, 1)),
    ]
    subject = Subject(Abilities(16), [], [], settings)
    (finding,) = BY_ID["HBA007"].findings(subject)
    assert str(finding.place) == "/d/postgresql.conf:1:1"


@pytest.mark.parametrize(
    ("version", "conf", "said"),
    [
        (17, "log_connections = 'authentication'", True),
        (17, "log_connections = 'f'", False),
        (18, "log_connections = 'authentication'", False),
        (14, "password_encryption = on", True),
        (13, "password_encryption = on", False),
    ],
)
def test_values_by_version(version, conf, said) -> None:
    assert bool(found("HBA007", conf, version)) == said


@pytest.mark.parametrize(
    ("version", "least", "most", "is_found"),
    [
        (11, "TLSv1.3", "TLSv1.2", False),
        (12, "TLSv1.3", "TLSv1.2", True),
        (16, "TLSv1.2", "TLSv1.2", False),
        (16, "TLSv1.3", "", False),
        (16, "TLSv9", "TLSv1", False),
        (12, None, "TLSv1", False),
        (13, None, "tlsv1.1", True),
    ],
)
def test_an_empty_range_of_protocols(version, least, most, is_found) -> None:
    conf = "".join(f"{n} = '{v}'\n" for n, v in ((LEAST, least), (MOST, most)) if v is not None)
    assert bool(found("HBA008", f"{conf}ssl = on", version)) == is_found
    assert found("HBA008", f"{conf}ssl = off", version) == []
