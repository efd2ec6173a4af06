import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.doctor.messages import meanings, translate

CASES = {
    "SSL error: tlsv1 alert unknown ca": "unknown_ca",
    "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2559)": "unknown_ca",
    "SSL error: sslv3 alert certificate revoked": "certificate_revoked",
    "SSL error: sslv3 alert certificate expired": "certificate_expired",
    "ssl/tls alert certificate expired": "certificate_expired",
    "tlsv13 alert certificate required": "certificate_required",
    "FATAL:  connection requires a valid client certificate": "certificate_required",
    "sslv3 alert bad certificate": "bad_certificate",
    "sslv3 alert unsupported certificate": "wrong_purpose",
    "certificate verify failed: unsuitable certificate purpose": "wrong_purpose",
    "unsupported certificate purpose": "wrong_purpose",
    "tlsv1 alert protocol version": "tls_version",
    "sslv3 alert handshake failure": "handshake_failure",
    "no shared cipher": "handshake_failure",
    "tlsv1 alert decrypt error": "decrypt_error",
    "tlsv1 alert internal error": "internal_error",
    "tlsv1 unrecognized name": None,
    "tlsv1 alert unrecognized name": "unrecognized_name",
    'private key file "/x.key" has group or world access': "key_permissions",
    'private key file "/x.key" has insecure permissions': "key_permissions",
    'private key file "/x.key" does not exist': "key_unreadable",
    'could not load private key file "/x.key": bad decrypt': "key_unreadable",
    'certificate present, but private key file "x" does not match the certificate': "key_mismatch",
    "key values mismatch": "key_mismatch",
    'could not read certificate file "/x": no start line': "certificate_unreadable",
    'root certificate file "/x" does not exist': "root_missing",
    'could not load SSL certificate revocation list (file "/x")': "crl_missing",
    "certificate verify failed: unable to get certificate CRL": "crl_missing",
    "certificate verify failed: CRL has expired": "crl_stale",
    "Hostname mismatch, certificate is not valid for 'x'": "wrong_host",
    'server certificate for "a" does not match host name "b"': "wrong_host",
    "self-signed certificate in certificate chain": "self_signed",
    "certificate is not yet valid": "not_yet_valid",
    "certificate verify failed: certificate has expired": "server_expired",
    "SSL error: certificate verify failed": "verify_failed",
    "unable to get local issuer certificate": "verify_failed",
    'no pg_hba.conf entry for host "1.2.3.4", user "a", database "b", no encryption': (
        "hba_needs_tls"
    ),
    'no pg_hba.conf entry for host "1.2.3.4", user "a", database "b", SSL off': "hba_needs_tls",
    'no pg_hba.conf entry for host "1.2.3.4", user "a", database "b", SSL encryption': (
        "no_hba_entry"
    ),
    'pg_hba.conf rejects connection for host "1.2.3.4"': "no_hba_entry",
    'certificate authentication failed for user "mallory"': "wrong_user",
    'password authentication failed for user "a"': "password_wanted",
    "fe_sendauth: no password supplied": "password_wanted",
    'role "a" does not exist': "no_role",
    'role "a" is not permitted to log in': "no_login",
    'permission denied for database "a"': "no_connect",
    'database "a" does not exist': "no_database",
    "sorry, too many clients already": "too_many",
    'too many connections for role "a"': "too_many",
    "the database system is starting up": "starting",
    "server does not support SSL, but SSL was required": "no_ssl",
    "received invalid response to SSL negotiation: H": "not_tls",
    "[SSL: WRONG_VERSION_NUMBER] wrong version number": "not_tls",
    "SSL SYSCALL error: EOF detected": "cut",
    "server closed the connection unexpectedly": "cut",
    "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol": "cut",
    'could not translate host name "x" to address: Name or service not known': "no_host",
    "Connection refused": "refused",
    "No route to host": "no_route",
    "timeout expired": "timeout",
    "connection timed out": "timeout",
    "channel binding is required, but client does not support it": "channel_binding",
    "GSSAPI encryption required but it is not supported over a local socket": "gss",
    'definition of service "x" not found': "no_service",
    "ca md too weak": "weak_key",
    "the moon is full": None,
    "": None,
}


@pytest.mark.parametrize(("said", "expected"), CASES.items())
def test_a_message_is_translated(said, expected):
    found = translate(said)
    assert (found and found.name) == expected


def test_every_row_is_reached_and_says_what_to_do():
    rows = list(meanings())
    assert {row.name for row in rows} == {name for name in CASES.values() if name}
    for row in rows:
        assert row.meaning
        assert row.hint
        assert not row.meaning.endswith(".")


@given(st.text())
def test_any_text_is_translated_or_not(text):
    translate(text)


def test_a_huge_text_costs_little():
    assert translate("a" * 10_000_000) is None
