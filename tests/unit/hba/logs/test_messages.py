import pytest

from pgward.hba.logs.messages import Said, Stage, read
from pgward.hba.logs.record import Record


def said(message, severity="LOG", **more):
    return read(Record(0, severity, message, **more))


@pytest.mark.parametrize(
    ("message", "stage", "fields"),
    [
        (
            "connection received: host=10.0.0.9 port=5",
            Stage.RECEIVED,
            {"host": "10.0.0.9", "port": "5"},
        ),
        ("connection received: host=[local]", Stage.RECEIVED, {"host": "[local]"}),
        (
            'connection authenticated: identity="CN=alice" method=cert (/d/pg_hba.conf:7)',
            Stage.AUTHENTICATED,
            {"identity": "CN=alice", "method": "cert", "line": "/d/pg_hba.conf:7"},
        ),
        (
            'connection authenticated: user="postgres" method=trust (/d/pg_hba.conf:125)',
            Stage.AUTHENTICATED,
            {"identity": "postgres", "method": "trust", "line": "/d/pg_hba.conf:125"},
        ),
        (
            'no match in usermap "pgward" for user "bob" authenticated as "alice"',
            Stage.MAPPED,
            {"map": "pgward", "identity": "alice"},
        ),
        (
            "provided user name (bob) and authenticated user name (alice) do not match",
            Stage.MAPPED,
            {"identity": "alice"},
        ),
        (
            (
                "connection authorized: user=alice database=shop SSL enabled (protocol=TLSv1.3, "
                "cipher=TLS_AES_256_GCM_SHA384, bits=256, compression=off)"
            ),
            Stage.AUTHORIZED,
            {
                "user": "alice",
                "database": "shop",
                "protocol": "TLSv1.3",
                "cipher": "TLS_AES_256_GCM_SHA384",
                "compression": "off",
            },
        ),
        (
            (
                "connection authorized: user=a b database=x y application_name=psql SSL enabled "
                "(protocol=TLSv1.3, cipher=C, bits=256)"
            ),
            Stage.AUTHORIZED,
            {
                "user": "a b",
                "database": "x y",
                "application": "psql",
                "protocol": "TLSv1.3",
                "cipher": "C",
            },
        ),
        (
            "replication connection authorized: user=standby application_name=walreceiver",
            Stage.AUTHORIZED,
            {"replication": "replication ", "user": "standby", "application": "walreceiver"},
        ),
        (
            "disconnection: session time: 0:00:00.007 user=ann database=shop host=10.0.0.9 port=5",
            Stage.CLOSED,
            {
                "seconds": "0:00:00.007",
                "user": "ann",
                "database": "shop",
                "host": "10.0.0.9",
                "port": "5",
            },
        ),
    ],
)
def test_stages(message, stage, fields):
    assert said(message) == Said(stage, "", fields)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('no pg_hba.conf entry for host "::1", user "x", database "y", no encryption', "no_entry"),
        ('pg_hba.conf rejects connection for host "::1", user "x", database "y"', "rejected"),
        ('pg_hba.conf rejects replication connection for host "::1"', "rejected"),
        ("connection requires a valid client certificate", "no_certificate"),
        ('certificate authentication failed for user "bob"', "certificate"),
        ('password authentication failed for user "bob"', "password"),
        ('Peer authentication failed for user "bob"', "authentication"),
        ('role "a\nb" does not exist', "no_role"),
        ('role "x" is not permitted to log in', "no_login"),
        ('database "x" does not exist', "no_database"),
        ('permission denied for database "x"', "no_right"),
        ('too many connections for role "x"', "too_many"),
        ("sorry, too many clients already", "too_many"),
        ("the database system is starting up", "not_ready"),
        ("canceling authentication due to timeout", "timeout"),
        ("terminating connection due to administrator command", ""),
    ],
)
def test_refusals(message, code):
    assert said(message, "FATAL") == Said(Stage.REFUSED, code)


def test_the_line_that_refused():
    for detail in ("pg_hba.conf line 7", 'file "pg_hba.conf" line 7'):
        found = said(
            "x authentication failed for user ", "FATAL", detail=f"Connection matched {detail}: …"
        )
        assert found.fields == {"line": "pg_hba.conf:7"}


@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("certificate has expired", "expired"),
        ("certificate is not yet valid", "not_yet_valid"),
        ("certificate revoked", "revoked"),
        ("unable to get local issuer certificate", "unknown_ca"),
        ("self-signed certificate in certificate chain", "unknown_ca"),
        ("unable to get certificate CRL", "no_crl"),
        ("unsupported certificate purpose", "wrong_purpose"),
        ("something new", "tls"),
    ],
)
def test_certificates_that_tls_refuses(why, code):
    detail = (
        f"Client certificate verification failed at depth 0: {why}.\nFailed certificate data "
        '(unverified): subject "/CN=alice", serial number 255, issuer "/CN=user issuing".'
    )
    found = said("could not accept SSL connection: certificate verify failed", detail=detail)
    assert found == Said(
        Stage.REFUSED, code, {"why": why, "shown_subject": "/CN=alice", "shown_serial": "ff"}
    )
    above = said("could not accept SSL connection: x", detail=detail.replace("depth 0", "depth 1"))
    assert "shown_serial" not in above.fields


def test_handshakes_that_are_none():
    found = said("could not accept SSL connection: unsupported protocol")
    assert found == Said(Stage.REFUSED, "tls", {"why": "unsupported protocol"})
    assert said("incomplete startup packet") == Said(Stage.REFUSED, "protocol")


def test_another_language_is_known_by_its_codes():
    found = said("Passwort-Authentifizierung fehlgeschlagen", "SCHWERWIEGEND", sqlstate="28P01")
    assert found == Said(Stage.REFUSED, "password")
    assert said("Verbindung empfangen: Host=[local]", sqlstate="00000") is None


def test_what_is_no_connections():
    for message in ("checkpoint complete", "could not send data to client: Broken pipe"):
        assert said(message) is None
    assert said('relation "connection received: host=x" does not exist', "ERROR") is None


@pytest.mark.parametrize(
    "hostile",
    [
        "connection authorized: user=" + " database=" * 20_000,
        "connection authorized: user=x" + " application_name= SSL enabled (protocol=" * 5_000,
        "disconnection: session time: 0:00:00.1 user=" + " database= host=" * 10_000 + "\n",
        'connection authenticated: identity="' + '" method=x (' * 20_000,
        'no match in usermap "' + '" for user "' * 20_000,
    ],
)
def test_a_message_that_nearly_fits_is_read_soon(hostile):
    assert said(hostile) is None
