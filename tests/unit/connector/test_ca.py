from base64 import b64encode
from datetime import timedelta
from types import SimpleNamespace

import pytest

from pgward.connector.ca import ConnectorCa
from pgward.core.errors import UnavailableError
from tests.fixtures.connectors import NOW
from tests.fixtures.fake_ca import FakeCa


class Machine:
    """Keeps what was sent, and gives one answer."""

    name = "c1"

    def __init__(self, reply=None):
        self.reply = reply
        self.calls = []

    def call(self, method, path, fields):
        self.calls.append((f"{method} {path}", fields))
        return self.reply(fields) if callable(self.reply) else self.reply

    def wait_for(self, path, fields, wait):
        self.calls.append((path, fields, wait))
        return self.reply


def test_the_first_question_names_no_tag():
    machine = Machine({"version": 1})
    ca = ConnectorCa(machine)
    assert [ca.wanted(0, None, 0), ca.wanted(4, "t", 20.0)] == [{"version": 1}] * 2
    path = "/v1/connector/wanted"
    assert machine.calls == [(path, {"after": 0}, 0), (path, {"after": 4, "tag": "t"}, 20.0)]


def test_reports_and_secrets_name_the_integration():
    machine = Machine({"value": b64encode(b"pw").decode(), "version": 2})
    ca = ConnectorCa(machine)
    ca.report({"integration": "shop-db"})
    assert ca.secret("shop-db") == (2, b"pw")
    ca.secret("shop-db", 2)
    assert machine.calls == [
        ("POST /v1/connector/report", {"integration": "shop-db"}),
        ("POST /v1/connector/secret", {"integration": "shop-db"}),
        ("POST /v1/connector/secret", {"integration": "shop-db", "refused": 2}),
    ]


@pytest.mark.parametrize(
    "reply", [{}, {"value": "!", "version": 1}, {"value": None, "version": 1}, {"value": "eA=="}]
)
def test_an_answer_of_another_form_is_the_authoritys_fault(reply):
    with pytest.raises(UnavailableError, match="the CA's answer cannot be read"):
        ConnectorCa(Machine(reply)).secret("shop-db")


def test_a_certificate_is_for_a_new_key_and_lives_by_the_authoritys_clock():
    ca = FakeCa()
    issued = {}

    def reply(fields):
        issued.update(ca.issue(fields))
        return issued | {"issued_at": issued["not_before"]}

    machine = Machine(reply)
    made, seconds = ConnectorCa(machine).certificate("shop-db", 300)
    assert (made.serial, seconds) == (issued["serial"], 300)
    (_, fields) = machine.calls[0]
    assert (fields["integration"], fields["seconds"]) == ("shop-db", 300)
    machine.reply = ca.issue
    with pytest.raises(UnavailableError, match="cannot be read"):
        ConnectorCa(machine).certificate("shop-db", 300)


class Renewing:
    """A machine with a certificate of thirty days, and a CA that has orders."""

    name = "c1"
    leaf = SimpleNamespace(not_valid_after_utc=NOW + timedelta(days=30), not_valid_before_utc=NOW)

    def __init__(self, *orders):
        self.orders, self.done = list(orders), []

    def ensure_certificate(self, remaining):
        self.done.append(remaining)
        return False

    def call(self, *_):
        self.done.append("orders")
        return {"renew": self.orders.pop(0), "orders": []}

    def reload(self):
        return False

    def renew(self):
        self.done.append("renew")


def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left():
    machine, now = Renewing(False, False), [0.0]
    ca = ConnectorCa(machine, monotonic=lambda: now[0])
    third = timedelta(days=10) + timedelta.resolution
    for at in (0.0, 59.0, 60.0):
        now[0] = at
        assert not ca.renew_if_due()
    assert machine.done == [third, "orders", third, third, "orders"]


def test_a_certificate_is_renewed_when_the_authority_is_replaced():
    machine = Renewing(True, False)
    ca = ConnectorCa(machine, monotonic=lambda: 0.0)
    assert [ca.renew_if_due() for _ in range(3)] == [True, False, False]
    assert [each for each in machine.done if isinstance(each, str)] == ["orders", "renew", "orders"]


VERIFIER = "SCRAM-SHA-256$4096:c2FsdA==$" + ":".join([b64encode(b"k" * 32).decode()] * 2)


def test_verifiers_are_asked_for_by_the_hundred():
    machine = Machine(lambda body: {"verifiers": dict.fromkeys(body["passwords"], VERIFIER)})
    wanted = {f"role{number:03}": 1 for number in range(150)}
    assert ConnectorCa(machine).verifiers("shop-db", wanted) == dict.fromkeys(wanted, VERIFIER)
    assert [len(fields["passwords"]) for _, fields in machine.calls] == [100, 50]
    assert machine.calls[0][0] == "POST /v1/connector/passwords"


@pytest.mark.parametrize("reply", [{}, {"verifiers": []}, {"verifiers": {"a": "md5x'; drop"}}])
def test_what_is_no_verifier_is_not_taken(reply):
    with pytest.raises(UnavailableError, match="cannot be read"):
        ConnectorCa(Machine(reply)).verifiers("shop-db", {"a": 1})
