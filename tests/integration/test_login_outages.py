"""Logins while a replica is killed, the database is away, or the disk is full."""

import random
import threading
from datetime import UTC, datetime

import httpx2
import pytest
import sqlalchemy as sa

from pgward.ca.backup import moving
from pgward.ca.store import open_store
from pgward.ca.store.schema import login_sessions
from pgward.core.clock import SystemClock
from pgward.pki import keys, proof
from tests.fixtures.ca_process import PASSWORD, CaProcess
from tests.fixtures.database import new_database
from tests.fixtures.disks import fill_disk
from tests.fixtures.filled import quick_ca
from tests.fixtures.replicas import until

pytestmark = [pytest.mark.integration, pytest.mark.soak]
LOGIN = {"method": "password", "user": "admin", "password": PASSWORD}
RULE = {
    "kind": "LoginRule",
    "metadata": {"name": "r1"},
    "spec": {"appliesTo": {"everyone": True}, "reason": "required"},
}
REASON = "ticket 42"


class Device:
    """A device that speaks to whichever replica it is told to, over HTTPS."""

    def __init__(self):
        self.key = keys.generate()
        self.token = None

    def call(self, ca, method, path, body=None):
        url = f"{ca.url}{path}"
        made = proof.make(self.key, method, url, now=datetime.now(UTC), token=self.token)
        headers = {"DPoP": made}
        if self.token:
            headers["Authorization"] = f"DPoP {self.token}"
        with httpx2.Client(verify=ca.trusting(), timeout=40) as http:
            return http.request(method, url, headers=headers, json=body)

    def begin(self, ca):
        """Return the flow that waits for a reason."""
        answer = self.call(ca, "POST", "/v1/login", LOGIN)
        assert answer.status_code == 200, answer.text
        return answer.json()["flow"]

    def answer(self, ca, flow):
        body = {"flow": flow, "answer": {"reason": REASON}}
        answer = self.call(ca, "POST", "/v1/login/continue", body)
        if answer.status_code == 200:
            self.token = answer.json()["token"]
        return answer

    def lives(self, ca):
        return self.call(ca, "GET", "/v1/me").status_code == 200


def want_a_reason(ca):
    """Have every login be a conversation."""
    admin = Device()
    answer = admin.call(ca, "POST", "/v1/login", LOGIN)
    admin.token = answer.json()["token"]
    assert admin.call(ca, "PUT", "/v1/resources/LoginRule/r1", RULE).status_code == 200


def told(answer):
    return answer.status_code, answer.json()["error"]["message"]


def test_replicas_are_killed_and_started_while_many_log_in(replicas):
    want_a_reason(replicas.start())
    replicas.start()
    stop, said, devices = threading.Event(), [], []

    def log_in_again_and_again():
        while not stop.is_set():
            device, flow = Device(), None
            while not stop.is_set() and device.token is None:
                try:
                    flow = flow or device.begin(random.choice(replicas.running))
                    answer = device.answer(random.choice(replicas.running), flow)
                except (httpx2.TransportError, IndexError):
                    continue  # it was killed; another one goes on with the same flow
                said.append(answer.status_code)
                if answer.status_code == 403:  # the answer to the first was lost on its way
                    assert told(answer)[1] == "the login was completed already"
                    flow = None
            if device.token is not None:
                devices.append(device)

    threads = [threading.Thread(target=log_in_again_and_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            count = len(devices)
            until(lambda count=count: len(devices) >= count + 5, seconds=120)
            killed = random.choice(replicas.running)
            replicas.kill(killed)
            count = len(devices)
            until(lambda count=count: len(devices) >= count + 5, seconds=120)
            replicas.again(killed)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(said) <= {200, 403, 503}
    assert all(device.lives(replica) for device in devices for replica in replicas.running)
    assert "Traceback" not in "".join(each.messages() for each in replicas.running)


def test_a_database_that_is_away_stops_no_login_for_good(pg, tmp_path):
    url = new_database(pg)
    directory = quick_ca(tmp_path / "ca")
    moving.move(directory, url, SystemClock())
    ca, device = CaProcess(directory), Device()
    try:
        want_a_reason(ca)
        flow = device.begin(ca)
        pg.stop()
        away = (503, "the authority's store is unavailable: it does not answer")
        assert told(device.answer(ca, flow)) == away
        assert told(Device().call(ca, "POST", "/v1/login", LOGIN)) == away
        pg.start()
        until(lambda: device.answer(ca, flow).status_code == 200)
        assert device.lives(ca)
        assert "Traceback" not in ca.messages()
    finally:
        ca.kill()
    assert sessions(url) == 2  # the administrator's, and one of the device


def sessions(url):
    store = open_store(url)
    with store.read() as connection:
        found = sa.select(sa.func.count()).select_from(login_sessions)
        count = connection.execute(found).scalar_one()
    store.close()
    return count


def test_on_a_full_disk_nobody_comes_in_and_the_same_flow_does_later(small_disk_of):
    disk = small_disk_of("16m")
    directory = quick_ca(disk / "ca")
    ca, device = CaProcess(directory), Device()
    try:
        want_a_reason(ca)
        flow = device.begin(ca)
        before = sessions(f"sqlite:///{directory / 'ca.db'}")
        fill_disk(disk)
        full = (503, "the authority's store is unavailable: its disk is full")
        answers = {told(device.answer(ca, flow)) for _ in range(3)}
        assert answers <= {full, (503, "the authority's store is unavailable: its disk fails")}
        assert device.token is None
        (disk / "filler").unlink()
        until(lambda: device.answer(ca, flow).status_code == 200)
        assert device.lives(ca)
        assert "Traceback" not in ca.messages()
    finally:
        ca.kill()
    assert sessions(f"sqlite:///{directory / 'ca.db'}") == before + 1
