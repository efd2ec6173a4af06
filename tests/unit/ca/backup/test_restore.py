import io
import json

import pytest
import sqlalchemy as sa

from pgward.ca import hierarchy
from pgward.ca.backup import create as backup
from pgward.ca.backup import moving
from pgward.ca.backup.archive import BackupError, Header, Writer
from pgward.ca.backup.restore import restore
from pgward.ca.keys.keeper import KeyKeeper
from pgward.ca.keys.settings import KeySettings
from pgward.ca.settings import Settings
from pgward.ca.store import audit, copying, open_store, revisions
from pgward.ca.store.schema import join_tokens
from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError, InvalidInputError
from pgward.pki import age
from pgward.pki.age import AgeError, Encryptor
from tests.fixtures.filled import PASSPHRASE

CLOCK = SystemClock()
WORD = b"another passphrase"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(age, "WORK", 2)


@pytest.fixture
def saved(made_ca, tmp_path):
    backup.write(made_ca, tmp_path / "ca.age", WORD, CLOCK)
    return (tmp_path / "ca.age").read_bytes()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "place" / "restored"


def tallies(directory):
    store = open_store(f"sqlite:///{directory / 'ca.db'}")
    with store.read() as connection:
        found = copying.tallies(connection)
    store.close()
    return found


def test_everything_is_as_it_was(made_ca, saved, target):
    summary = restore(io.BytesIO(saved), target, WORD, CLOCK)
    before, found = tallies(made_ca), tallies(target)
    assert summary.manifest.tables == before
    assert {name for name in found if found[name] != before[name]} == {"audit_events", "counters"}
    assert Settings.load(target) == Settings.load(made_ca)
    keeper = KeyKeeper(target, KeySettings(), passphrase=lambda: PASSPHRASE, pin=lambda: b"")
    assert hierarchy.load(target, keeper)
    for name in summary.manifest.files:
        assert (target / name).read_bytes() == (made_ca / name).read_bytes()
        mode = 0o644 if name.startswith("certs/") else 0o600
        assert (target / name).stat().st_mode & 0o777 == mode
    assert target.stat().st_mode & 0o777 == 0o700


def test_the_audit_log_says_so(saved, target):
    summary = restore(io.BytesIO(saved), target, WORD, CLOCK)
    store = open_store(f"sqlite:///{target / 'ca.db'}")
    with store.read() as connection:
        (event,) = audit.events(connection, action="ca.restore")
    store.close()
    assert event["details"]["made_at"] == summary.header.made_at


def test_where_the_store_was_is_not_where_it_is_now(made_ca, target, tmp_path):
    """Or the restored CA would write to the database of the one that it replaces."""
    moving.move(made_ca, f"sqlite:///{tmp_path / 'elsewhere.db'}", CLOCK)
    backup.write(made_ca, tmp_path / "b.age", WORD, CLOCK)
    with (tmp_path / "b.age").open("rb") as file:
        restore(file, target, WORD, CLOCK)
    assert Settings.load(target).store.url == ""
    assert tallies(target)


def test_what_is_there_is_left_alone(saved, made_ca):
    with pytest.raises(ConflictError, match="there is a CA in"):
        restore(io.BytesIO(saved), made_ca, WORD, CLOCK)


def test_damage_leaves_nothing(saved, target):
    for place in range(300, len(saved), len(saved) // 5):
        damaged = bytearray(saved)
        damaged[place] ^= 1
        for data in (bytes(damaged), saved[:place]):
            with pytest.raises((AgeError, BackupError)):
                restore(io.BytesIO(data), target, WORD, CLOCK)
    with pytest.raises(AgeError, match="the passphrase is wrong"):
        restore(io.BytesIO(saved), target, b"wrong passphrase", CLOCK)
    assert list(target.parent.iterdir()) == []


def sealed(schema, *tables):
    """A backup of a store with one table, made by hand."""
    inside = io.BytesIO()
    writer = Writer(inside, Header("0.0", "2026-01-01T00:00:00Z", "Acme", schema))
    writer.file("pgward.toml", Settings().dump().encode())
    for name in dict(tables):
        lines = [_line(row) for table, row in tables if table == name]
        writer.table(name, [lines])
    writer.finish()
    target = io.BytesIO()
    with Encryptor(target, WORD) as encrypted:
        encrypted.write(inside.getvalue())
    target.seek(0)
    return target


def _line(row):
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (("9999",), "made by a newer pgward"),
        (("0001", ("orders", {"id": 1})), "has a table orders"),
        (("0001", ("alembic_version", {"version_num": "9"})), "has a table alembic_version"),
        (("0001", ("counters", {"name": "x", "value": "7"})), "cannot be stored as they are"),
        (("0001", ("counters", {"name": "x", "value": {"q": 1}})), "no known kind"),
    ],
)
def test_rows_that_do_not_fit_are_refused(target, made, said):
    with pytest.raises(InvalidInputError, match=said):
        restore(sealed(*made), target, WORD, CLOCK)
    assert list(target.parent.iterdir()) == []


def test_a_backup_of_an_older_schema_is_brought_up_to_date(target):
    counters = [("counters", {"name": name, "value": 7}) for name in ("snapshot", "audit")]
    restore(sealed("0001", *counters, ("join_tokens", _token())), target, WORD, CLOCK)
    store = open_store(f"sqlite:///{target / 'ca.db'}", upgrade=False)
    with store.read() as connection:
        assert revisions.revision(connection) == revisions.head()
        assert connection.execute(sa.select(join_tokens.c.dns)).scalars().all() == [["a"]]
        assert [event["seq"] for event in audit.events(connection)] == [8]
    store.close()


def _token():
    return {
        "secret_hash": {"b": "AAAA"},
        "kind": "edge",
        "name": "e1",
        "dns": {"j": ["a"]},
        "ips": {"j": []},
        "created_at": {"t": "2026-01-01T00:00:00.000000+00:00"},
        "created_by": "root",
        "expires_at": {"t": "2026-01-01T00:00:00.000000+00:00"},
        "used_at": None,
    }
