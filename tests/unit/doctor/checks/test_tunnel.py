import json
import os
import socket

from pgward.doctor.checks import tunnel
from pgward.doctor.finding import Status
from pgward.system.process import ProcessId
from pgward.tunnel.local import registry
from pgward.tunnel.local.registry import Registry, Running


def opened(patient):

    me = ProcessId.of(os.getpid())
    running = Running("orders", me.pid, me.started, "127.0.0.1", 15432, "x")
    Registry(patient.home.directory).add(running)
    patient.service_name = "orders"


def test_no_service_no_tunnel(patient):
    assert tunnel.look(patient) is None


def test_none_is_open(patient):
    patient.service_name = "orders"
    assert tunnel.look(patient).what == "no tunnel is open; pgward connect orders opens one"


def test_its_port_is_taken(patient):
    patient.service_name = "orders"
    with socket.create_server(("127.0.0.1", 0)) as taker:
        port = taker.getsockname()[1]
        (patient.home.directory / "ports.json").write_text(json.dumps({"orders": port}))
        found = tunnel.look(patient)
    assert (found.status, f"its port {port} is taken by" in found.what) == (Status.WARN, True)
    assert tunnel.look(patient).status is Status.OK


def test_one_that_answers(patient, monkeypatch):
    opened(patient)
    monkeypatch.setattr(registry, "ask", lambda _path: {"ready_links": 2, "problem": "once"})
    assert tunnel.look(patient).what.startswith("a tunnel is open at 127.0.0.1:15432")


def test_one_in_trouble(patient, monkeypatch):
    opened(patient)
    monkeypatch.setattr(registry, "ask", lambda _path: {"ready_links": 0, "problem": "no edge"})
    assert tunnel.look(patient).what.endswith("has trouble: no edge")


def test_one_that_hangs(patient):
    opened(patient)
    found = tunnel.look(patient)
    assert (found.status, "does not answer" in found.what) == (Status.FAIL, True)
