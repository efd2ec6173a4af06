import json
from base64 import urlsafe_b64encode

import httpx2
import pytest

from pgward.audit.chain import manifest
from pgward.audit.chain.chunk import open_chunk
from pgward.client.machine import Machine
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    FaultError,
    InvalidInputError,
    UnacceptableError,
    UnavailableError,
)
from pgward.tunnel.edge.auditor.ca import CaTarget
from pgward.tunnel.edge.auditor.shelf import Entry, Shelf
from tests.fixtures.fake_ca import URL, error
from tests.fixtures.records import CHAIN, packed, record


class World:
    """A machine, three chunks of three lines on a shelf, and a CA that keeps what it is sent."""

    def __init__(self, fake_ca, directory):
        fields = {"url": URL, "fingerprint": fake_ca.fingerprint, "secret": "s3cret"}
        token = "pgj1." + urlsafe_b64encode(json.dumps(fields).encode()).decode()
        self.machine = Machine.enroll(directory / "m", token, advertise="e:1", clock=fake_ca.clock)
        self.ca = fake_ca
        self.shelf = Shelf(directory / "audit")
        self.target = CaTarget(self.machine, self.shelf)
        head = None
        for number in (1, 2, 3):
            chunk, head = packed([record(each) for each in range(3)], head)
            self.shelf.add(Entry(number, 1, {}, chunk.manifest), chunk.data)
        fake_ca.requests.clear()

    def answer(self, first_seq, *answers):
        """Let the CA answer a PUT, with one answer after the other."""
        left = list(answers)
        route = f"PUT /v1/edges/self/audit/{CHAIN}/{first_seq}"
        self.ca.routes[route] = lambda _body: left.pop(0)

    def deliver(self, number):
        return self.target.deliver(*self.shelf.load(number))


@pytest.fixture
def world(fake_ca, tmp_path):
    made = World(fake_ca, tmp_path)
    yield made
    made.target.close()


def conflict(reason, seq, message="no"):
    answer = {"error": {"code": "conflict", "message": message}, "reason": reason}
    return httpx2.Response(409, json=answer | {"head": {"seq": seq, "hash": "x"}})


def test_a_chunk_is_put_with_a_manifest_that_the_machine_signed(world):
    world.answer(4, {"head": {"seq": 6}})
    assert world.deliver(2) == 2
    (request,) = world.ca.requests
    read = manifest.read(request.headers[manifest.HEADER])
    assert read.certificates[0] == world.machine.leaf
    assert len(open_chunk(request.content, read.manifest)) == 3
    assert request.headers["Content-Type"] == "application/zstd"


def test_it_is_signed_with_the_present_key_though_another_process_renewed_it(world, fake_ca):
    other = Machine.load(world.machine.directory, clock=fake_ca.clock)
    other.renew()
    world.answer(1, {})
    world.deliver(1)
    read = manifest.read(fake_ca.requests[-1].headers[manifest.HEADER])
    assert read.certificates[0] == other.leaf == world.machine.leaf
    other.close()


def test_what_the_ca_has_already_is_gone_past(world):
    world.answer(4, conflict("behind", 6))
    assert world.deliver(2) == 2


def test_it_goes_back_to_what_the_ca_lost(world):
    world.answer(7, conflict("gap", 3))
    assert world.deliver(3) == 1


def test_the_ca_is_told_of_what_nobody_has_any_more(world):
    world.shelf.remove(2)
    world.answer(7, conflict("gap", 3), {"head": {"seq": 9}})
    assert world.deliver(3) == 3
    assert [each.headers.get("Pgward-Missing") for each in world.ca.requests] == [None, "4-6"]


def test_a_ca_that_does_not_go_on_is_told_of(world):
    world.shelf.remove(2)
    world.answer(7, conflict("gap", 3), conflict("gap", 3, "ask an administrator"))
    with pytest.raises(ConflictError, match="without lines 4-6: ask an administrator"):
        world.deliver(3)


@pytest.mark.parametrize(("reason", "seq"), [("fork", 3), ("behind", 4), ("gap", 5)])
def test_a_fork_is_an_error_that_says_how_it_may_have_come(world, reason, seq):
    world.answer(4, conflict(reason, seq, "line 4 has another hash"))
    with pytest.raises(ConflictError, match="line 4 has another hash") as caught:
        world.deliver(2)
    assert "restored from a backup" in caught.value.hint


def test_refusals_and_answers_that_make_no_sense_are_errors(world):
    world.answer(1, error("denied", "not an edge"), httpx2.Response(409, json={"reason": "gap"}))
    with pytest.raises(DeniedError, match="not an edge"):
        world.deliver(1)
    with pytest.raises(UnavailableError, match="cannot be read"):
        world.deliver(1)


def refusal(message="it is damaged"):
    body = {"error": {"code": "unacceptable", "message": message}}
    return httpx2.Response(422, json=body)


def test_what_the_ca_never_takes_is_told_apart(world):
    too_long = httpx2.Response(413, json={"error": {"code": "invalid", "message": "too long"}})
    world.answer(1, refusal(), too_long, error("invalid", "no such header"))
    for message in ("it is damaged", "too long"):
        with pytest.raises(UnacceptableError, match=message):
            world.deliver(1)
    with pytest.raises(InvalidInputError, match="no such header"):
        world.deliver(1)


def test_the_ca_is_told_that_what_it_refused_does_not_come(world):
    world.shelf.set_aside(2, "ca", "it is damaged")
    world.answer(7, conflict("gap", 3), {"head": {"seq": 9}})
    assert world.deliver(3) == 3
    assert world.ca.requests[1].headers["Pgward-Missing"] == "4-6"


def test_what_only_others_refused_is_not_missing(world):
    world.shelf.set_aside(2, "recordings", "it is damaged")
    world.answer(7, conflict("gap", 3))
    assert world.deliver(3) == 1


def test_it_works_behind_a_chunk_when_it_can_read_the_next(world):
    assert not world.target.works_behind(3)
    world.answer(4, conflict("gap", 0), error("failed", "unexpectedly"))
    assert world.target.works_behind(1)
    with pytest.raises(FaultError):
        world.target.works_behind(1)


def test_a_damaged_file_does_not_hide_the_gap(world, tmp_path):
    (tmp_path / "audit" / "000000000002.chunk").write_bytes(b"torn")
    world.answer(7, conflict("gap", 3), {"head": {"seq": 9}})
    assert world.deliver(3) == 3
    assert world.ca.requests[1].headers["Pgward-Missing"] == "4-6"


class Offered:
    """What comes in other chains than the usual one."""

    def __init__(self, world, *answers):
        self.world, self.answers, self.chunks = world, list(answers), []
        self.usual, world.ca.handle = world.ca.handle, self.handle

    def handle(self, request):
        path = request.url.path
        if "/audit/" in path and CHAIN not in path:
            request.read()
            made = manifest.read(request.headers[manifest.HEADER]).manifest
            self.chunks.append((made, open_chunk(request.content, made)))
            self.world.ca.routes[f"PUT {path}"] = self.answers.pop(0)
        return self.usual(request)


def test_what_was_refused_is_offered_once_more_in_the_next_run(world, monkeypatch, caplog):
    world.shelf.set_aside(1, "ca", "service orders is not its")
    world.shelf.set_aside(2, "ca", "it is damaged")
    offered = Offered(world, {"head": {}}, refusal())
    monkeypatch.setattr(world.ca, "handle", offered.handle)
    world.answer(7, {"head": {"seq": 9}}, {"head": {"seq": 9}})
    caplog.set_level("INFO", "pgward.auditor")
    assert (world.deliver(3), world.deliver(3)) == (3, 3)
    (first, lines), (second, _) = offered.chunks
    assert (first.first_seq, second.first_seq) == (1, 4)
    assert second.start == first.end
    assert [json.loads(line)["id"] for line in lines] == [record(each)["id"] for each in range(3)]
    (left,) = world.shelf.refused.names
    assert left == f"{CHAIN}-{4:018}"
    assert caplog.messages == [
        f"chunk {CHAIN}-{1:018}, which was refused before, is delivered",
        f"chunk {left} stays refused: it is damaged",
    ]


def test_a_refused_chunk_that_is_no_longer_one_stays(world, caplog):
    world.shelf.set_aside(1, "ca", "no")
    (name,) = world.shelf.refused.names
    world.shelf.refused.path(name).write_bytes(b"torn")
    world.answer(7, {"head": {"seq": 9}})
    assert world.deliver(3) == 3
    assert world.shelf.refused.names == [name]
    assert "stays refused: a chunk's file is damaged" in caplog.text


def test_a_ca_that_is_away_again_is_asked_in_the_next_run(world, monkeypatch, caplog):
    world.shelf.set_aside(1, "ca", "no")
    offered = Offered(world, error("unavailable", "busy"))
    monkeypatch.setattr(world.ca, "handle", offered.handle)
    world.answer(7, {"head": {"seq": 9}})
    assert world.deliver(3) == 3
    assert caplog.messages == ["what was refused is offered at the next start: busy"]
