import threading

import pytest
import sqlalchemy as sa

from pgward.ca.archive import verifying
from pgward.ca.archive.objects import NoObjects
from pgward.ca.store.schema_archive import audit_chains, audit_chunks
from pgward.core.errors import ConflictError
from tests.fixtures.chunks import CHAIN, Teller, record


@pytest.fixture
def archive(app, api):  # noqa: ARG001 - it has the application run
    return app.state.context.archive


@pytest.fixture
def teller(edge) -> Teller:
    made = Teller(edge)
    made.tell(record(1), record(2))
    made.tell(record(3))
    return made


def verified(archive, store):
    archive.verifying.begin("otto")
    archive.verifying.wait()
    with store.read() as connection:
        return verifying.checks.newest(connection)[0]


def last_event(api):
    return next(each for each in reversed(api.events()) if each["action"] == "audit.check")


def change(store, table, **values):
    with store.write() as transaction:
        transaction.execute(sa.update(table).values(**values))


@pytest.mark.usefixtures("teller")
def test_a_whole_archive_is_verified(api, archive, store):
    found = verified(archive, store)
    assert (found.started_by, found.is_whole, found.problems) == ("otto", True, [])
    assert (found.chunks, found.lines, found.of_lines) == (2, 3, 3)
    (chain,) = found.chains
    assert (chain["edge"], chain["chain"], chain["last_seq"]) == ("e1", CHAIN, 3)
    event = last_event(api)
    assert (event["actor"], event["outcome"], event["details"]) == (
        *("otto", "ok"),
        {"chains": 1, "chunks": 2, "lines": 3},
    )


@pytest.mark.usefixtures("teller")
def test_an_object_that_was_changed_is_found(api, archive, store, objects):
    key = next(iter(objects.list("audit/")))
    data = objects.get(key)
    objects.delete(key)
    objects.put_if_absent(key, data[:-1] + bytes([data[-1] ^ 1]))
    found = verified(archive, store)
    assert [each["problem"] for each in found.problems] == ["an object of the archive was changed"]
    event = last_event(api)
    assert (event["outcome"], event["reason"]) == ("failed", "1 problem in what is on record")


@pytest.mark.usefixtures("teller")
def test_an_object_that_is_gone_is_found(archive, store, objects):
    objects.delete(next(iter(objects.list("audit/"))))
    assert len(verified(archive, store).problems) == 1


def test_what_was_kept_long_enough_is_none(archive, store, teller, monkeypatch):
    del teller
    monkeypatch.setattr(verifying.index, "find", lambda *_: None)
    monkeypatch.setattr(verifying.reading, "data_of", _purged)
    assert verified(archive, store).problems == []


def _purged(*_):
    raise verifying.PgwardError("there is no such object")


@pytest.mark.usefixtures("teller")
def test_a_manifest_that_cannot_be_read_is_found(archive, store):
    change(store, audit_chunks, manifest="x")
    assert len(verified(archive, store).problems) >= 2


@pytest.mark.usefixtures("teller")
def test_a_chain_that_goes_less_far_than_before_is_found(archive, store):
    assert verified(archive, store).problems == []
    with store.write() as transaction:
        transaction.execute(sa.delete(audit_chunks).where(audit_chunks.c.first_seq == 3))
        row = transaction.execute(sa.select(audit_chunks)).mappings().one()
        end = {"head_seq": row["last_seq"], "head_hash": row["end_hash"]}
        transaction.execute(sa.update(audit_chains).values(**end))
    (problem,) = verified(archive, store).problems
    assert problem["problem"] == "it ends here, and went to line 3 before"


@pytest.mark.usefixtures("teller")
def test_where_a_root_was_replaced_the_ledger_knows_the_edge(archive, store, authority_trust):
    authority_trust(())
    assert verified(archive, store).problems == []
    change(store, verifying.signers.ledger.certificates, subject="another")
    assert "was signed by a stranger" in verified(archive, store).problems[0]["problem"]


@pytest.fixture
def authority_trust(archive):
    def use(roots):
        archive.verifying._roots = lambda: roots

    return use


@pytest.mark.usefixtures("teller")
def test_an_archive_that_is_away_is_no_chains_fault(api, archive, store):
    archive.verifying._objects = NoObjects()
    found = verified(archive, store)
    assert (found.is_whole, found.problems) == (False, [])
    assert last_event(api)["reason"] == found.trouble


@pytest.mark.usefixtures("teller")
def test_a_fault_is_told_and_logged(archive, store, monkeypatch, caplog):
    monkeypatch.setattr(verifying, "ChainCheck", None)
    assert verified(archive, store).trouble == verifying._FAULT
    assert "verifying the archive failed" in caplog.text


@pytest.mark.usefixtures("teller")
def test_it_stops_with_the_authority(archive, store):
    archive.verifying._stop.set()
    assert verified(archive, store).trouble == verifying.STOPPED


@pytest.mark.usefixtures("teller")
def test_one_runs_at_a_time_and_tells_how_far_it_is(archive, store, monkeypatch):
    monkeypatch.setattr(verifying, "_NEWS_SECONDS", -1.0)
    reached, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(archive.verifying, "_stop", _Held(reached, go_on))
    archive.verifying.begin("otto")
    assert reached.wait(10)
    with store.read() as connection:
        check = verifying.checks.newest(connection)[0]
    assert (check.lines, check.ended_at) == (2, None)
    with pytest.raises(ConflictError, match="otto has it verified already"):
        archive.verifying.begin("anna")
    go_on.set()
    archive.verifying.wait()


class _Held:
    """In the place of the event that stops: says that it was reached, and holds."""

    def __init__(self, reached, go_on):
        self._reached, self._go_on = reached, go_on

    def wait(self, _seconds):
        self._reached.set()
        self._go_on.wait(10)
        return False

    def set(self):
        self._go_on.set()
