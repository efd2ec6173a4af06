import threading
from base64 import b64encode
from types import SimpleNamespace

import psycopg
import pytest

from pgward.connector import accounts
from pgward.connector.accounts import Changer, change
from pgward.core.errors import ConflictError, DeniedError, UnavailableError
from pgward.pgwire.scram import Verifier

NEW, FORMER = "new-Canary-12345", "former-Canary-12"


class FakeCa:
    def __init__(self):
        self.ended = []
        self.error = None

    def call(self, _method, path, fields):
        if self.error is not None:
            raise self.error
        if path.endswith("/begin"):
            new, former = (b64encode(each.encode()).decode() for each in (NEW, FORMER))
            return {"secret": "s", "version": 2, "value": new, "former": former}
        self.ended.append(fields)
        return {"change": "updated"}


class FakeServer:
    """Keeps the verifier that it was given."""

    def __init__(self):
        self.statements = []
        self.refuses = None
        self.denies = None

    def connect(self, _database=None):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def execute(self, statement):
        if self.refuses is not None:
            raise self.refuses
        self.statements.append(statement.as_string(None))

    def log_in(self, user, password, _database=None):
        assert (user, password) == ('a"p', NEW)
        if self.denies is not None:
            raise self.denies

    @property
    def verifier(self):
        return Verifier.read(self.statements[-1].rpartition("password ")[2].strip(" E'"))


def run(ca, server):
    return change(ca, server, "shop-db", 'a"p')


def test_the_server_gets_a_verifier_and_the_ca_hears_of_it_after_a_login():
    ca, server = FakeCa(), FakeServer()
    assert run(ca, server)
    assert server.statements[0].startswith('alter role "a""p" password ')
    assert NEW not in str(server.statements)
    assert server.verifier.fits(NEW.encode())
    assert ca.ended == [{"integration": "shop-db", "user": 'a"p', "version": 2}]


def test_one_that_lets_nobody_in_is_taken_back(caplog):
    ca, server = FakeCa(), FakeServer()
    server.denies = DeniedError("no entry of pg_hba.conf")
    assert not run(ca, server)
    assert server.verifier.fits(FORMER.encode())
    assert "no entry of pg_hba.conf" in ca.ended[0]["failure"]
    assert "Canary" not in caplog.text + str(ca.ended)


def test_what_the_server_refuses_is_told():
    ca, server = FakeCa(), FakeServer()
    server.refuses = psycopg.errors.InsufficientPrivilege("permission denied")
    assert not run(ca, server)
    assert ca.ended[0]["failure"] == "the server refuses it"


def test_where_nobody_knows_what_came_of_it_it_is_begun_again():
    ca, server = FakeCa(), FakeServer()
    server.refuses = psycopg.OperationalError("server closed the connection")
    with pytest.raises(UnavailableError):
        run(ca, server)
    server.refuses, server.denies = None, UnavailableError("away")
    with pytest.raises(UnavailableError):
        run(ca, server)
    assert ca.ended == []


def test_an_answer_that_cannot_be_read_changes_nothing():
    server = FakeServer()
    ca = SimpleNamespace(call=lambda *_: {"version": 1})
    with pytest.raises(UnavailableError, match="cannot be read"):
        run(ca, server)
    assert server.statements == []


def test_what_is_due_is_changed_once_and_what_failed_again():
    ca, server = FakeCa(), FakeServer()
    changer = Changer(ca)
    changer.tell("shop-db", lambda: server, ['a"p'])
    ca.error = UnavailableError("the CA is away")
    assert changer.turn()
    ca.error = None
    assert not changer.turn()
    assert not changer.turn()
    assert len(ca.ended) == 1
    changer.tell("shop-db", lambda: server, ['a"p'])
    changer.drop("shop-db")
    assert not changer.turn()
    ca.error = ConflictError("not due")
    changer.tell("shop-db", lambda: server, ['a"p'])
    assert not changer.turn()
    assert len(ca.ended) == 1


def test_it_runs_in_a_thread_until_it_is_stopped(monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(accounts, "change", lambda *_: done.set())
    changer = Changer(FakeCa())
    changer.start()
    changer.tell("shop-db", FakeServer, ["app"])
    assert done.wait(10)
    assert changer.stop(10)
