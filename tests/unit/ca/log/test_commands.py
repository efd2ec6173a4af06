import json

import pytest
import sqlalchemy as sa

from pgward.ca.log import key as log_key
from pgward.ca.log.continuity import Continuity
from pgward.ca.settings import FILE, Settings
from pgward.ca.store.schema_log import log_heads
from pgward.client.witness import Witness
from pgward.pki import tree_head


@pytest.fixture
def directory(ledger, tmp_path):
    """A CA directory with the ledger's store."""
    made = tmp_path / "ca"
    (made / "certs").mkdir(parents=True)
    (made / FILE).write_text(Settings().dump())
    ledger.store.engine.dispose()
    (made / "ca.db").symlink_to(tmp_path / "ledger.db")
    pem = tree_head.dump_key(ledger.key.public_key())
    (made / log_key.PUBLIC).write_text(pem)
    return made


def test_a_store_in_order(pgward, directory):
    done = pgward("ca", "log", "verify", directory)
    assert done.exit_code == 0, done.stderr
    assert "entries  21\n" in done.stdout
    assert done.stderr == (
        "every certificate is as it was logged, and the log is as it was signed\n"
        "a log cut with its heads is seen only by who kept one: --head FILE\n"
    )


def test_an_altered_row_is_named_and_fails(pgward, directory, ledger):
    ledger.alter(5, subject="mallory")
    done = pgward("ca", "log", "verify", directory)
    assert done.exit_code == 1
    line = f"certificates {ledger.serials[5]}: subject was altered to mallory"
    assert line in done.stdout
    assert "the CA's records are not those that it signed: 1 problem\n" in done.stderr
    done = pgward("ca", "log", "verify", directory, "-o", "json")
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["table"], problem["row"]) == ("certificates", ledger.serials[5])


def test_a_head_that_somebody_kept_is_compared(pgward, directory, ledger, tmp_path):
    with ledger.store.read() as connection:
        jws = connection.execute(sa.select(log_heads.c.jws).where(log_heads.c.number == 2)).scalar()
    kept = {"plain": jws, "json": json.dumps({"jws": jws}), "evidence": json.dumps({"head": jws})}
    for name, text in kept.items():
        (tmp_path / name).write_text(text)
        done = pgward("ca", "log", "verify", directory, "--head", tmp_path / name)
        assert done.exit_code == 0, done.stderr
        assert "--head FILE" not in done.stderr
    ledger.execute(sa.update(log_heads).where(log_heads.c.number == 1).values(number=3))
    assert pgward("ca", "log", "verify", directory).exit_code == 1


@pytest.mark.parametrize("text", ["x", "{", "{}", "[1]"])
def test_a_file_without_a_head_is_refused(pgward, directory, tmp_path, text):
    (tmp_path / "kept").write_text(text)
    done = pgward("ca", "log", "verify", directory, "--head", tmp_path / "kept")
    assert done.exit_code == 2
    assert "kept: " in done.stderr


def test_what_this_person_saw_is_compared_too(pgward, directory, ledger, fake_log, tmp_path):
    """The memory of one's own home is a witness of this log, if it is of its key."""
    fake_log.key = ledger.key
    fake_log.add("x")
    home = tmp_path / "home"
    home.mkdir()
    Witness(home, "SHA256:ca").update(fake_log)
    done = pgward("ca", "log", "verify", directory)
    assert done.exit_code == 1
    assert "log_heads of a witness: signed at" in done.stdout


def test_the_key_may_come_from_elsewhere(pgward, directory, fake_log, tmp_path):
    (tmp_path / "pub").write_text(tree_head.dump_key(fake_log.key.public_key()))
    done = pgward("ca", "log", "verify", directory, "--log-key", tmp_path / "pub")
    assert done.exit_code == 1
    assert "the head is of another log" in done.stdout


def test_options_for_a_store_need_one(pgward, tmp_path):
    done = pgward("ca", "log", "verify", "--head", tmp_path / "x")
    assert done.exit_code == 2
    assert "are for the store" in done.stderr


def test_no_directory(pgward, tmp_path):
    done = pgward("ca", "log", "verify", tmp_path / "none")
    assert done.exit_code == 1
    assert "there is no" in done.stderr


def test_asking_the_ca_instead(logged_in, fake_log, fake_ca):
    fake_log.install(fake_ca)
    done = logged_in("ca", "log", "verify")
    assert "certificates  2\n" in done.stdout
    assert "the log holds all your certificates" in done.stderr
    fake_log.add("bob")
    shown = json.loads(logged_in("ca", "log", "verify", "-o", "json").stdout)
    assert (shown["size"], shown["before"]["size"]) == (4, 3)


def test_an_archive(pgward, directory, tmp_path):
    file = tmp_path / "archive.jsonl"
    done = pgward("ca", "log", "export", directory, file, "-o", "json")
    assert json.loads(done.stdout) == {
        "command": "ca log export",
        "entries": 21,
        "file": str(file),
        "messages": [f"wrote 21 entries to {file}"],
    }
    assert len(file.read_text().splitlines()) == 22
    done = pgward("ca", "log", "export", directory, file)
    assert done.exit_code == 1
    assert "File exists" in done.stderr or "exists" in done.stderr


def test_lost_entries_are_accepted_by_command_only(pgward, directory, ledger):
    Continuity(directory).look(ledger.store)
    done = pgward("ca", "log", "accept", directory)
    assert (done.exit_code, "lacks nothing that was seen here" in done.stderr) == (1, True)
    seen = directory / "log.seen"
    seen.write_text(json.dumps({"size": 99, "root": "00" * 32}))
    done = pgward("ca", "log", "accept", directory, "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert not seen.exists()
    (kept,) = directory.glob("log.seen-*")
    document = json.loads(done.stdout)
    assert document["kept"] == str(kept)
    assert document["messages"][0].endswith(f"what it lacks is named in {kept}")
