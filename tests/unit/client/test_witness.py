"""A log that was rewritten, cut or forked does not pass a client that saw a head before."""

import json

import pytest

from pgward.client import witness
from pgward.client.witness import Witness
from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.pki import tree_head
from pgward.pki.errors import LogError
from tests.fixtures.fake_log import FakeLog

CA = "SHA256:ca"


@pytest.fixture
def seen(tmp_path):
    return Witness(tmp_path, CA)


def evidence(home) -> dict[str, object]:
    (path,) = home.glob("log-evidence-*.json")
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_the_first_head_is_pinned_with_its_key(seen, fake_log):
    found = seen.update(fake_log)
    assert (found.head.size, found.before) == (3, None)
    assert seen.remembered().key == fake_log.key.public_key()
    assert fake_log.calls == ["/v1/log/head"]


def test_a_log_that_grows_is_followed(seen, fake_log):
    seen.update(fake_log)
    fake_log.add("carol", "alice")
    found = seen.update(fake_log)
    assert (found.head.size, found.before.size) == (5, 3)
    assert fake_log.calls[1:] == ["/v1/log/head", "/v1/log/proof/consistency"]
    assert tree_head.read(seen.remembered().head).size == 5


def test_a_head_that_is_signed_again_needs_no_proof(seen, fake_log):
    seen.update(fake_log)
    fake_log.sign(minutes=99)
    assert seen.update(fake_log).head.size == 3
    assert fake_log.calls == ["/v1/log/head"] * 2


def test_a_log_that_began_empty(seen):
    log = FakeLog().add()
    seen.update(log)
    log.add("alice")
    assert seen.update(log).head.size == 1


def test_a_rewritten_log_is_told_with_the_evidence(seen, fake_log, tmp_path):
    seen.update(fake_log)
    before = fake_log.jws
    forked = FakeLog(key=fake_log.key).add("alice", "mallory", "alice", "bob")
    with pytest.raises(LogError, match="log of 4 leaves does not begin with the log of 3") as told:
        seen.update(forked)
    found = evidence(tmp_path)
    assert (found["before"], found["after"], found["ca"]) == (before, forked.jws, CA)
    assert found["proof"] == forked.get("/v1/log/proof/consistency", first=3, second=4)["proof"]
    assert "log-evidence-" in told.value.hint
    assert seen.remembered().head == before


def test_another_log_of_the_same_size_is_told(seen, fake_log, tmp_path):
    seen.update(fake_log)
    with pytest.raises(LogError, match="two different logs of 3 leaves"):
        seen.update(FakeLog(key=fake_log.key).add("alice", "mallory", "alice"))
    assert evidence(tmp_path)["problem"] == "there are two different logs of 3 leaves"


def test_a_shorter_log_is_told(seen, fake_log, tmp_path):
    seen.update(fake_log)
    with pytest.raises(LogError, match="the log shrank from 3 to 2 entries"):
        seen.update(FakeLog(key=fake_log.key).add("alice", "bob"))
    assert evidence(tmp_path)["problem"] == "the log shrank from 3 to 2 entries"


def test_a_log_of_another_key_is_told(seen, fake_log):
    seen.update(fake_log)
    with pytest.raises(LogError, match="the head is of another log"):
        seen.update(FakeLog().add("alice", "bob", "alice"))


def test_a_ca_that_refuses_the_proof_proves_nothing(seen, fake_log):
    seen.update(fake_log)
    fake_log.add("bob")
    kept = fake_log.entries
    fake_log.entries = kept[:2]
    with pytest.raises(LogError, match="the CA proves nothing: no such log"):
        seen.update(fake_log)


@pytest.mark.parametrize("proof", [None, "00", ["zz"], [7], ["00"] * 99])
def test_a_proof_that_is_none_is_told(seen, fake_log, proof):
    seen.update(fake_log)
    fake_log.add("bob")
    fake_log.changed["/v1/log/proof/consistency"] = {"proof": proof}
    with pytest.raises(LogError):
        seen.update(fake_log)


def test_an_older_head_may_come_late_with_an_answer(seen, fake_log):
    late = fake_log.jws
    fake_log.add("bob")
    seen.update(fake_log)
    assert seen.accept(fake_log, late).head.size == 3
    assert tree_head.read(seen.remembered().head).size == 4


def test_the_first_head_may_come_with_an_answer(seen, fake_log):
    assert seen.accept(fake_log, fake_log.jws).head.size == 3
    assert seen.remembered().head == fake_log.jws


def test_each_ca_has_its_own_memory(seen, fake_log, tmp_path):
    seen.update(fake_log)
    other = Witness(tmp_path, "SHA256:other")
    assert other.update(FakeLog().add("x")).before is None
    assert len(json.loads((tmp_path / witness.FILE).read_text())) == 2


def test_a_damaged_memory_is_not_overwritten(seen, fake_log, tmp_path):
    for text in ("[]", "{", json.dumps({CA: {"head": "x"}})):
        (tmp_path / witness.FILE).write_text(text)
        with pytest.raises(InvalidInputError, match=r"log\.json: this file is damaged"):
            seen.update(fake_log)
        assert (tmp_path / witness.FILE).read_text() == text


def test_a_ca_without_a_log_is_told(seen, fake_log):
    fake_log.changed["/v1/log/head"] = {"head": None}
    with pytest.raises(UnavailableError, match="has no transparency log"):
        seen.update(fake_log)
