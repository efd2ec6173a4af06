import struct

import pytest

from pgward.doctor.checks import postgresql
from pgward.doctor.finding import Status
from pgward.doctor.wire import Answer
from pgward.tunnel import pgerror
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.patients import Script, aware, service

IN = b"R" + struct.pack("!II", 8, 0) + b"Z" + struct.pack("!I", 5) + b"I"


def test_nothing_to_ask(patient):
    assert postgresql.look(patient) is None


@pytest.mark.parametrize(
    ("database", "known", "expected"),
    [(None, False, b"alice"), (None, True, b"shop"), ("other", True, b"other")],
)
def test_the_database_is_that_of_the_option_the_service_or_the_person(
    patient, database, known, expected
):
    patient.upstream, patient.database = Script(IN), database
    patient.service = service() if known else None
    assert postgresql.look(patient).status is Status.OK
    assert b"user\0alice\0database\0" + expected + b"\0" in patient.upstream.sent


def test_an_edge_that_asks_why_is_told(patient):
    patient.upstream, patient.service = Script(IN), aware()
    found = postgresql.look(patient)
    assert (found.status, found.what) == (Status.OK, "PostgreSQL  lets the edge in for alice")
    assert b"options\0-c pgward.reason=pgward\\ doctor\0" in patient.upstream.sent


@pytest.mark.parametrize(
    ("answer", "said", "code"),
    [
        (pgerror.fatal("x", sqlstate="28000"), "the edge says: x", 3),
        (pgerror.fatal("x", sqlstate="3D000"), "the edge says: x", 1),
        (b"", "the connection ended", 1),
        (OSError(104, "x"), "connection reset", 1),
        (RefusedError(Reason.REVOKED), "your certificate is revoked", 3),
    ],
)
def test_what_refuses(patient, answer, said, code):
    patient.upstream = Script(answer)
    found = postgresql.look(patient)
    assert (found.exit_code, said in found.what) == (code, True)


def test_what_the_edge_says_of_postgresqls_certificate_is_not_about_the_persons(patient):
    said = "the database did not prove that it is db: Hostname mismatch"
    patient.upstream = Script(pgerror.fatal(said, sqlstate="08001", hint="see serverName"))
    found = postgresql.look(patient)
    assert (found.what, found.why, found.hint) == (f"the edge says: {said}", "", "see serverName")


def test_a_password_that_is_wanted():
    found = postgresql.read(Answer(False, "a password (md5)"), "alice", "shop")
    assert found.what == (
        "PostgreSQL asks alice for a password (md5) instead of taking the certificate"
    )


def test_pg_hba_is_translated():
    said = 'no pg_hba.conf entry for host "1.2.3.4", user "alice", database "x", SSL encryption'
    found = postgresql.read(Answer(False, "", said, "28000"), "alice", "x")
    assert "no line of pg_hba.conf lets this user" in found.why
