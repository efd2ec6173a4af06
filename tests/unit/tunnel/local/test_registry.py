import asyncio
import json
import os
import stat
from dataclasses import asdict, replace

import pytest

from pgward.core.errors import InvalidInputError
from pgward.system.process import ProcessId
from pgward.system.unix_socket import unix_path
from pgward.tunnel.local import registry
from pgward.tunnel.local.registry import Registry, Running, ask


def running(service: str = "orders", **fields) -> Running:
    me = ProcessId.of(os.getpid())
    made = Running(service, me.pid, me.started, "127.0.0.1", 15432, "host=db user=alice")
    return replace(made, **fields)


@pytest.fixture
def known(tmp_path):
    return Registry(tmp_path)


# --- tunnels ------------------------------------------------------------------------------


def test_what_is_added_is_found_until_it_is_removed(known, tmp_path):
    known.add(running())
    assert known.get("orders") == running()
    assert Registry(tmp_path).all() == [running()]
    known.remove("orders")
    assert known.get("orders") is None
    assert list(known.directory.iterdir()) == []


def test_only_the_person_can_look(known):
    known.add(running())
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (known.directory, known._path("orders"))]
    assert modes == [0o700, 0o600]


def test_tunnels_are_listed_by_name(known):
    for name in ("stock", "orders", "billing"):
        known.add(running(name))
    assert [each.service for each in known.all()] == ["billing", "orders", "stock"]


def test_an_empty_home_has_no_tunnels(known):
    assert known.all() == []
    assert known.get("orders") is None
    known.remove("orders")


def ended_process() -> int:
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_a_leftover_of_a_process_that_ended_is_swept(known):
    known.add(running(pid=ended_process()))
    known.control_path("orders").touch()
    assert known.all() == []
    assert list(known.directory.iterdir()) == []


def test_a_later_process_with_the_same_number_is_not_the_tunnel(known):
    known.add(running(started=1000.0))
    assert known.get("orders") is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"orders"', "{}", b"\xff".decode("latin-1")],
)
def test_a_damaged_file_is_swept(known, text):
    known.add(running())
    known._path("orders").write_text(text, "latin-1")
    assert known.get("orders") is None
    assert not known._path("orders").exists()


@pytest.mark.parametrize(
    "change",
    [{"pid": 0}, {"pid": -1}, {"pid": "7"}, {"pid": 2**31}, {"port": None}, {"started": "then"}],
    ids=repr,
)
def test_a_file_that_names_no_process_is_swept(known, change):
    known.add(running())
    known._path("orders").write_text(json.dumps(asdict(running()) | change))
    assert known.get("orders") is None


def test_files_of_other_things_are_left_alone(known):
    known.add(running())
    strange = known.directory / "Not A Service!.json"
    strange.write_text("mine")
    assert [each.service for each in known.all()] == ["orders"]
    assert strange.read_text() == "mine"


@pytest.mark.parametrize("name", ["../orders", "a/b", "", ".."])
def test_a_name_leads_to_no_other_directory(known, name):
    for act in (known.get, known.remove, known.control_path, known.socket_directory):
        with pytest.raises(InvalidInputError):
            act(name)


def test_a_socket_has_a_directory_of_its_own(known):
    path = known.socket_directory("orders")
    assert path == known.directory / "orders"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


# --- ports --------------------------------------------------------------------------------


def test_ports_are_remembered_one_by_one(known, tmp_path):
    known.remember_port("orders", 15432)
    known.remember_port("stock", 15433)
    known.remember_port("orders", 16000)
    again = Registry(tmp_path)
    assert [again.remembered_port(name) for name in ("orders", "stock", "other")] == [
        16000,
        15433,
        None,
    ]
    assert again.reserved_ports() == {16000, 15433}


@pytest.mark.parametrize("text", ["", "[1]", "{", "3", '{"orders": "x"}', '{"orders": 0}',
                                  '{"orders": 65536}', '{"orders": null}'])  # fmt: skip
def test_damaged_ports_are_no_ports(known, tmp_path, text):
    (tmp_path / "ports.json").write_text(text)
    assert known.remembered_port("orders") is None
    assert known.reserved_ports() == set()
    known.remember_port("orders", 15432)
    assert known.remembered_port("orders") == 15432


# --- the control socket -------------------------------------------------------------------


def talk(known, describe) -> list:
    """Ask twice what a tunnel answers."""

    async def main() -> list:
        path = known.control_path("orders")
        server = await registry.answer(path, describe)
        async with server:
            return [await asyncio.to_thread(ask, path) for _ in range(2)]

    return asyncio.run(main())


def test_a_tunnel_tells_how_it_fares_each_time(known):
    numbers = iter((1, 2))
    assert talk(known, lambda: {"active": next(numbers)}) == [{"active": 1}, {"active": 2}]


def test_the_socket_of_a_tunnel_that_was_killed_is_taken_over(known):
    known.directory.mkdir(mode=0o700)
    known.control_path("orders").write_text("leftover")
    assert talk(known, lambda: {"active": 1})[0] == {"active": 1}


def test_an_answer_without_end_is_none(known):
    assert talk(known, lambda: {"problem": "x" * registry._MAX_ANSWER}) == [None, None]


def test_an_answer_that_is_no_object_is_none(known):
    assert talk(known, lambda: ["active"]) == [None, None]


def test_nobody_there_is_none(known, tmp_path):
    assert ask(known.control_path("orders")) is None
    assert ask(tmp_path / ("x" * 200)) is None


def test_one_that_does_not_answer_is_none(known, monkeypatch):
    monkeypatch.setattr(registry, "CONTROL_TIMEOUT", 0.01)
    known.directory.mkdir(mode=0o700)
    path = known.control_path("orders")
    with registry.socket.socket(registry.socket.AF_UNIX) as silent:
        silent.bind(unix_path(path))
        silent.listen()
        assert ask(path) is None


def test_where_a_tunnel_listens_as_people_read_it():
    on_port = Running("orders", 1, 1.0, "127.0.0.1", 15432, "")
    on_socket = Running("orders", 1, 1.0, "/run/orders", 5432, "")
    assert (on_port.address, on_socket.address) == ("127.0.0.1:15432", "/run/orders")
