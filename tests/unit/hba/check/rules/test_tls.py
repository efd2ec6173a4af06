import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of

CERT = "hostssl all all all cert"


def found(rule: str, conf: str | None, version: int = 16, hba: str = CERT) -> list[str]:
    subject = subject_of(Example(hba, conf=conf, version=version))
    return [f"{place}: {message}" for place, message, *_ in BY_ID[rule].look(subject)]


@pytest.mark.parametrize("rule", [each for each in BY_ID if "HBA040" <= each < "HBA050"])
def test_nothing_is_said_where_nobody_looked(rule) -> None:
    assert found(rule, None) == []


def test_places_are_those_of_settings_and_else_of_the_line() -> None:
    assert found("HBA040", "ssl = on") == ["/hba:1: ssl_ca_file is not set"]
    assert found("HBA040", "ssl = on\nssl_ca_file = ''") == ["/conf:2:1: ssl_ca_file is not set"]
    assert found("HBA040", "ssl = on", hba="local all all peer") == []
    assert found("HBA040", "ssl = off") == []


def test_a_directory_of_lists_counts_from_14_on() -> None:
    conf = "ssl = on\nssl_ca_file = 'x'\nssl_crl_dir = 'y'"
    assert found("HBA041", conf, 14) == []
    assert found("HBA041", conf, 13) == ["/hba:1: ssl_crl_file are not set"]


@pytest.mark.parametrize(
    ("version", "conf", "count"),
    [
        (11, "ssl = on", 0),
        (12, "ssl = on", 1),
        (13, "ssl = on", 0),
        (13, "ssl = yes\nssl_min_protocol_version = 'tlsv1.1'", 1),
        (13, "ssl = on\nssl_min_protocol_version = ''", 1),
        (13, "ssl = off\nssl_min_protocol_version = 'TLSv1'", 0),
        (13, "ssl = on\nssl_min_protocol_version = 'TLSv1'\nssl_min_protocol_version = TLSv1.3", 0),
    ],
)
def test_old_tls(version, conf, count) -> None:
    assert len(found("HBA042", conf, version)) == count


@pytest.mark.parametrize(
    ("ciphers", "weak"),
    [
        ("HIGH:MEDIUM:+3DES:!aNULL", ""),
        ("ECDHE-RSA-AES256-GCM-SHA384", ""),
        ("HIGH:RC4-SHA, DES-CBC3-SHA:aNULL", "RC4-SHA, DES-CBC3-SHA, aNULL"),
        ("ALL:!RC4", "ALL"),
    ],
)
def test_weak_ciphers(ciphers, weak) -> None:
    said = found("HBA043", f"ssl = on\nssl_ciphers = '{ciphers}'")
    assert said == ([f"/conf:2:1: ssl_ciphers has {weak}"] if weak else [])


@pytest.mark.parametrize(
    ("version", "conf", "count"),
    [
        (13, "port = 1", 0),
        (13, "password_encryption = scram-sha-256", 0),
        (12, "password_encryption = on", 1),
        (18, "password_encryption = MD5", 1),
    ],
)
def test_passwords_kept_as_md5(version, conf, count) -> None:
    assert len(found("HBA044", conf, version)) == count


def test_passwords_by_default_where_one_is_asked_for() -> None:
    hba = f"{CERT}\nlocal all all md5"
    assert len(found("HBA044", "port = 1", 13, hba)) == 1
    assert found("HBA044", "port = 1", 14, hba) == []


def test_namespaces_are_gone_in_17() -> None:
    assert found("HBA045", "db_user_namespace = on", 16) == ["/conf:1:1: db_user_namespace is on"]
    assert found("HBA045", "db_user_namespace = on", 17) == []
