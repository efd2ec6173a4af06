import json

import pytest
from click.testing import CliRunner

from pgward.ca.backup import commands as store_commands
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.pki import age
from tests.fixtures.filled import quick_ca


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(age, "WORK", 2)


@pytest.fixture
def ca(tmp_path):
    return quick_ca(tmp_path / "ca")


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret"
    file.write_text("another passphrase\n")
    file.chmod(0o600)
    return file


def run(command, *arguments, stdin=""):
    done = CliRunner().invoke(command, [*map(str, arguments), "-o", "json"], input=stdin)
    if isinstance(done.exception, Exception):
        raise done.exception
    return json.loads(done.stdout), done.stderr


def test_backup_verify_and_restore(ca, tmp_path, secret):
    file, target = tmp_path / "b.age", tmp_path / "new"
    told, said = run(store_commands.backup, ca, file, "--passphrase-file", secret)
    assert told["ca"] == "Acme"
    assert f"wrote {file}, and read it back" in said
    checked, said = run(store_commands.restore, file, "--verify", "--passphrase-file", secret)
    assert checked == told
    assert "is whole" in said
    restored, said = run(store_commands.restore, file, target, "--passphrase-file", secret)
    assert restored == told
    assert "certificates issued since are unknown" in said
    assert f"pgward ca serve {target}" in said
    assert not (target / "passphrase").exists()


def test_the_keys_passphrase_is_the_default(ca, tmp_path):
    run(store_commands.backup, ca, tmp_path / "b.age")
    arguments = (tmp_path / "b.age", "--verify", "--passphrase-file", ca / "passphrase")
    assert run(store_commands.restore, *arguments)[0]["ca"] == "Acme"


def test_what_is_missing_is_said(ca, tmp_path, secret):
    file = tmp_path / "b.age"
    with pytest.raises(PgwardError, match=r"cannot read .*b\.age: no such file"):
        run(store_commands.restore, file, tmp_path / "new", "--passphrase-file", secret)
    run(store_commands.backup, ca, file, "--passphrase-file", secret)
    with pytest.raises(InvalidInputError, match="give the directory to make"):
        run(store_commands.restore, file, "--passphrase-file", secret)
    with pytest.raises(InvalidInputError, match="the backup's passphrase is missing"):
        run(store_commands.restore, file, tmp_path / "new")
    with pytest.raises(InvalidInputError, match="give --to URL or --to-file"):
        run(store_commands.migrate_store, ca)


def test_a_damaged_file_is_named(ca, tmp_path, secret):
    file = tmp_path / "b.age"
    run(store_commands.backup, ca, file, "--passphrase-file", secret)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InvalidInputError, match=r"b\.age: it is damaged, or not complete"):
        run(store_commands.restore, file, "--verify", "--passphrase-file", secret)


def test_the_store_moves_and_a_restore_can_move_it_too(ca, tmp_path, secret):
    there = f"sqlite:///{tmp_path / 'there.db'}"
    told, said = run(store_commands.migrate_store, ca, "--to", there)
    assert {row["table"] for row in told} >= {"users", "certificates", "audit_events"}
    assert "every table compared equal" in said
    run(store_commands.backup, ca, tmp_path / "b.age", "--passphrase-file", secret)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    arguments = (tmp_path / "b.age", tmp_path / "new", "--passphrase-file", secret)
    run(store_commands.restore, *arguments, "--database-url", other)
    assert f'url = "{other}"' in (tmp_path / "new" / "pgward.toml").read_text()
    run(store_commands.migrate_store, tmp_path / "new", "--to", "sqlite")
