"""One-time passwords, secrets and their key at two replicas at once, on PostgreSQL."""

import threading
import uuid
from base64 import b64decode
from collections import Counter

import pytest

from tests.fixtures.edge_services import SELF, aware, create_secret, declare, otp, redeem
from tests.fixtures.pair import told

pytestmark = pytest.mark.integration
TIMES = 20


class World:
    """An administrator, somebody who may use a service, and the edge that serves it, at both."""

    def __init__(self, pair):
        self.pair = pair
        self.name = f"s{uuid.uuid4().hex[:10]}"
        self.admin = pair.replicas[0].device("root")
        person = pair.person("dba")
        self.person = pair.replicas[0].device(person)
        self.edge = pair.replicas[0].machine(self.admin, "edge", self.name)
        declare(self.admin, aware(self.name, secret=self.name), edges=[self.name])

    def edge_at(self, which):
        return self.pair.at(self.edge, which)

    def admin_at(self, which):
        return self.pair.at(self.admin, which)


@pytest.fixture
def world(pair):
    return World(pair)


def test_of_two_who_redeem_one_at_once_exactly_one_wins(pair, world):
    for number in range(TIMES):
        text, client = otp(world.person, world.name), f"192.0.2.{number}"

        def ask(which, text=text, client=client):
            return redeem(world.edge_at(which), text, client=client)

        answers = pair.both(ask)
        assert Counter(each.status_code for each in answers) == {200: 1, 403: 1}


def test_of_many_who_redeem_one_at_once_exactly_one_wins(pair, world):
    text = otp(world.person, world.name)
    answers = pair.both(lambda which: redeem(world.edge_at(which), text), times=5)
    assert Counter(each.status_code for each in answers) == {200: 1, 403: 9}


def test_who_is_blocked_at_one_gets_in_at_neither(world):
    text = otp(world.person, world.name)
    made = world.person.call("POST", "/v1/me/tokens", {"service": world.name}).json()
    me = world.person.call("GET", "/v1/me").json()["user"]["name"]
    assert world.admin.call("POST", f"/v1/users/{me}/block", {"reason": "left"}).status_code == 200
    token = f"{SELF}/tokens/{made['id']}"
    for which in (0, 1):
        assert redeem(world.edge_at(which), text).status_code == 403
        assert world.edge_at(which).call("GET", token).status_code == 403


def test_a_secret_is_created_once(pair, world):
    body = {"name": world.name, "value": "c2VjcmV0"}
    answers = pair.both(lambda which: world.admin_at(which).call("POST", "/v1/secrets", body))
    assert Counter(each.status_code for each in answers) == {201: 1, 409: 1}


def test_edges_get_the_secret_while_its_key_is_rotated_at_both(pair, world):
    create_secret(world.admin, world.name, "canary-Zx81")
    stop, found = threading.Event(), []

    def read(which):
        while not stop.is_set():
            found.append(world.edge_at(which).call("GET", f"{SELF}/secrets/{world.name}"))

    readers = [threading.Thread(target=read, args=(which,)) for which in (0, 1)]
    for each in readers:
        each.start()
    rotated = [
        answer
        for _ in range(5)
        for answer in pair.both(
            lambda which: world.admin_at(which).call("POST", "/v1/secret-key/rotate")
        )
    ]
    stop.set()
    for each in readers:
        each.join()
    numbers = [each.json()["number"] for each in rotated]
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 10))
    assert len(found) > 1
    assert {b64decode(each.json()["value"]) for each in found} == {b"canary-Zx81"}


def test_a_new_value_is_at_both_at_once(world):
    create_secret(world.admin, world.name, "first")
    for number, which in enumerate((0, 1, 0)):
        body = {"value": "bmV4dA=="}
        path = f"/v1/secrets/{world.name}/rotate"
        assert world.admin_at(which).call("POST", path, body).json()["version"] == number + 2
        answer = world.edge_at(1 - which).call("GET", f"{SELF}/secrets/{world.name}")
        assert (answer.json()["version"], b64decode(answer.json()["value"])) == (
            number + 2,
            b"next",
        )


def test_a_service_that_begins_to_refer_to_it_and_its_end_meet_in_some_order(pair, world):
    """Whichever is first: a secret that is gone was not referred to when it went."""
    for _ in range(5):
        name = f"s{uuid.uuid4().hex[:10]}"
        create_secret(world.admin, name, "x")

        def act(which, name=name):
            if which == 0:
                body = aware(f"{name}-db", secret=name)
                return world.admin_at(0).call("PUT", f"/v1/resources/Service/{name}-db", body)
            return world.admin_at(1).call("DELETE", f"/v1/secrets/{name}")

        applied, deleted = pair.both(act)
        assert applied.status_code == 200
        if deleted.status_code != 200:
            assert told(deleted) == f"the secret '{name}' is in use: {name}-db"
