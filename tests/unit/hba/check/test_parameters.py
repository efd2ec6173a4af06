import pytest

from pgward.hba.check.parameters import KNOWN, refusal


@pytest.mark.parametrize(
    ("name", "value", "version"),
    [
        ("ssl", "tr", 11),
        ("password_encryption", "yes", 13),
        ("ssl_min_protocol_version", "tlsv1.2", 12),
        ("ssl_max_protocol_version", "", 12),
        ("log_min_messages", "DEBUG", 16),
        ("log_destination", 'stderr, "csvlog"', 11),
        ("log_destination", "", 11),
        ("log_destination", "jsonlog", 15),
        ("log_connections", "on", 18),
        ("log_connections", "receipt, All", 18),
        ("port", "0x1538", 11),
        ("port", " 5432.4 ", 12),
        ("authentication_timeout", "1 min", 11),
        ("authentication_timeout", "0.5min", 12),
        ("authentication_timeout", "1500ms", 11),
        ("log_min_duration_statement", "100us", 12),
        ("log_min_duration_statement", "-1", 11),
        ("unix_socket_permissions", "0777", 16),
        ("log_rotation_size", "2097152", 18),
        ("unknown.setting", "whatever", 16),
        ("listen_addresses", "whatever", 16),
    ],
)
def test_what_is_taken(name, value, version) -> None:
    assert refusal(name, value, version) is None


@pytest.mark.parametrize(
    ("name", "value", "version", "wanted"),
    [
        ("ssl", "maybe", 11, "on or off"),
        ("ssl", "on ", 18, "on or off"),
        ("password_encryption", "off", 13, "md5 or scram-sha-256"),
        ("password_encryption", "on", 14, "md5 or scram-sha-256"),
        ("ssl_min_protocol_version", "", 16, "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3"),
        ("log_destination", "jsonlog", 14, "a list of stderr, csvlog or syslog"),
        ("log_destination", "stderr,", 16, "a list of stderr, csvlog, jsonlog or syslog"),
        ("log_connections", "receipt", 17, "on or off"),
        ("port", "0", 16, "a number from 1 to 65535"),
        ("port", "5k", 16, "a number from 1 to 65535"),
        ("port", "5432.4", 11, "a number from 1 to 65535"),
        ("port", "089", 16, "a number from 1 to 65535"),
        ("port", "", 12, "a number from 1 to 65535"),
        ("port", "1e99", 12, "a number from 1 to 65535"),
        ("unix_socket_permissions", "777", 16, "a number from 00 to 0777"),
        (
            "authentication_timeout",
            "1Min",
            11,
            "a number from 1 to 600 (s where it has no unit; else ms, s, min, h or d)",
        ),
        (
            "authentication_timeout",
            "500ms",
            12,
            "a number from 1 to 600 (s where it has no unit; else us, ms, s, min, h or d)",
        ),
    ],
)
def test_what_is_not_taken(name, value, version, wanted) -> None:
    assert refusal(name, value, version) == wanted


def test_stages_come_alone_or_as_before() -> None:
    for value in ("on,receipt", "tru", "foo", "receipt,"):
        said = refusal("log_connections", value, 18)
        assert said is not None
        assert said.startswith("a list of receipt, authentication, authorization")


def test_names_are_in_lower_case() -> None:
    assert all(each == each.lower() for each in KNOWN)
