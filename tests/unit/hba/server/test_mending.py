import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.check.catalogue import check
from pgward.hba.check.finding import Finding, Severity
from pgward.hba.check.fix import Edit, Mode
from pgward.hba.check.subject import Subject
from pgward.hba.server import mending
from pgward.hba.server.disk import DiskError
from pgward.hba.server.files import ServerFiles, of_names
from pgward.hba.server.mending import MendingError
from pgward.hba.syntax.versions import Abilities
from pgward.system.postgres import Account

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WIDE = "host all all all md5\n"
OURS = Account("", os.geteuid(), os.getegid())
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def hba(tmp_path: Path) -> Path:
    path = tmp_path / "pg_hba.conf"
    path.write_text(f"# é\n{WIDE}{WIDE}# end\n")
    path.chmod(0o640)
    return path


def read(
    hba: Path, conf: Path | None = None, version: int = 16
) -> tuple[ServerFiles, list[Finding]]:
    files = of_names(hba, Abilities.of(version), config=conf)
    subject = Subject(
        files.able, files.hba, files.ident, files.settings, texts=files.texts, config=files.config
    )
    return files, [each for each in check(subject) if each.fix is not None]


def carry_out(plan: mending.Plan, account: Account = OURS) -> list[str]:
    return list(mending.carry_out(plan, account, NOW))


def test_a_file_is_mended_with_a_backup_beside_it(hba) -> None:
    plan = mending.planned(*read(hba))
    backup = hba.with_name("pg_hba.conf.mended-20260601T120000000000Z")
    assert carry_out(plan) == [f"mended {hba}; as it was it is {backup}"]
    assert hba.read_text() == f"# é\n{WIDE}# end\n"
    assert backup.read_text() == f"# é\n{WIDE}{WIDE}# end\n"
    assert {each.stat().st_mode & 0o777 for each in (hba, backup)} == {0o640}
    assert sorted(each.name for each in hba.parent.iterdir()) == [hba.name, backup.name]
    assert not mending.planned(*read(hba))


def test_no_password_is_shown(hba) -> None:
    line = "host a b 10.0.0.0/8 ldap ldapserver=h ldapbindpasswd=geheim"
    hba.write_text(f"{line}\n{WIDE}{WIDE}")
    shown = mending.diff(mending.planned(*read(hba)))
    assert " host a b 10.0.0.0/8 ldap ldapserver=h ldapbindpasswd=…\n" in shown
    assert "geheim" not in shown


def test_a_terminal_does_nothing_that_is_in_a_file(hba) -> None:
    hba.write_text(f"#\t\x1b[2J\n{WIDE}{WIDE}")
    shown = mending.diff(mending.planned(*read(hba)))
    assert " #\t\\x1b[2J\n" in shown
    assert "\x1b" not in shown


def test_two_files_and_what_is_shown(hba, tmp_path) -> None:
    conf = tmp_path / "postgresql.conf"
    conf.write_text("port = 1")
    plan = mending.planned(*read(hba, conf))
    assert mending.diff(plan).splitlines() == [
        f"--- {hba}",
        f"+++ {hba}",
        "@@ -1,4 +1,3 @@",
        " # é",
        f" {WIDE}".rstrip(),
        f"-{WIDE}".rstrip(),
        " # end",
        f"--- {conf}",
        f"+++ {conf}",
        "@@ -1 +1,2 @@",
        "-port = 1",
        "\\ No newline at end of file",
        "+port = 1",
        "+log_connections = on",
    ]
    assert len(carry_out(plan)) == 2
    assert conf.read_text() == "port = 1\nlog_connections = on\n"


def test_a_link_stays(hba, tmp_path) -> None:
    (tmp_path / "etc").mkdir()
    hba.rename(tmp_path / "etc" / "real")
    hba.symlink_to("etc/real")
    carry_out(mending.planned(*read(hba)))
    assert hba.is_symlink()
    assert hba.read_text() == f"# é\n{WIDE}# end\n"
    assert len(list((tmp_path / "etc").iterdir())) == 2


def test_a_file_that_is_read_by_two_names_stays(hba, tmp_path) -> None:
    (tmp_path / "a").write_text(WIDE)
    (tmp_path / "b").symlink_to("a")
    hba.write_text("include a\ninclude b\n")
    files, found = read(hba)
    assert len(found) == 1
    assert not mending.planned(files, found)


def test_a_file_that_changed_meanwhile_stays(hba) -> None:
    plan = mending.planned(*read(hba))
    hba.write_text("local all all peer\n")
    with pytest.raises(MendingError, match="was changed while it was looked at"):
        carry_out(plan)
    assert hba.read_text() == "local all all peer\n"
    assert len(list(hba.parent.iterdir())) == 1


def test_two_at_once(hba) -> None:
    plan = mending.planned(*read(hba))
    descriptor = os.open(hba.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(MendingError, match="another process holds the directory"):
            carry_out(plan)
    finally:
        os.close(descriptor)
    assert len(carry_out(plan)) == 1


@pytest.mark.parametrize(
    "edit",
    [
        Edit("", 24, 26, b"", (2, 21), (3, 2)),  # it joins two lines
        Edit("", 5, 5, b"x\n", (2, 1), (2, 1)),  # it makes two of one
    ],
)
def test_what_would_change_other_lines_is_refused(hba, edit) -> None:
    files, _ = read(hba)
    edit = Edit(str(hba), edit.start, edit.end, edit.text, edit.begins, edit.ends)
    wrong = Finding("HBA011", Severity.NOTE, "", fix=edit)
    made = hba.read_text()
    if edit.text:
        # Within the line that the edit is about anything may be.
        assert mending.planned(files, [wrong])
        return
    with pytest.raises(MendingError, match="would change other lines"):
        mending.planned(files, [wrong])
    assert hba.read_text() == made


def test_a_fix_that_lies_beyond_the_file(hba) -> None:
    files, _ = read(hba)
    edit = Edit(str(hba), 900, 901, b"", (9, 1), (9, 2))
    with pytest.raises(MendingError, match="not as it was read"):
        mending.planned(files, [Finding("HBA011", Severity.NOTE, "", fix=edit)])


def test_modes_are_only_taken_from(tmp_path) -> None:
    key = tmp_path / "server.key"
    key.write_text("")
    key.chmod(0o640)
    plan = mending.planned(ServerFiles(Abilities.of(16), [], []), [mode(key, 0o700)])
    assert mending.diff(plan) == f"# chmod 0700 {key}\n"
    assert carry_out(plan) == [f"changed the mode of {key} to 0700"]
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    with pytest.raises(DiskError, match="cannot change the mode"):
        carry_out(plan)


@as_root
def test_who_owns_a_file_owns_it_afterwards(hba) -> None:
    hba.parent.chmod(0o777)
    for parent in hba.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    os.chown(hba, 65534, 65534)
    plan = mending.planned(*read(hba))
    carry_out(plan)
    assert {(each.stat().st_uid, each.stat().st_mode & 0o777) for each in hba.parent.iterdir()} == {
        (65534, 0o640)
    }


@as_root
def test_nobody_s_file_becomes_another_s(hba) -> None:
    plan = mending.planned(*read(hba))
    with pytest.raises(MendingError, match="belongs to another account"):
        carry_out(plan, Account("nobody", 65534, 65534))
    assert hba.read_text() == f"# é\n{WIDE}{WIDE}# end\n"


def test_a_directory_that_takes_no_file(hba, monkeypatch) -> None:
    plan = mending.planned(*read(hba))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pgward.hba.server.disk._write_new", full)
    with pytest.raises(PgwardError, match="no space left"):
        carry_out(plan)
    monkeypatch.undo()
    assert hba.read_text() == f"# é\n{WIDE}{WIDE}# end\n"
    assert len(list(hba.parent.iterdir())) == 1


def mode(path: Path, wanted: int) -> Finding:
    return Finding("HBA061", Severity.ERROR, "", fix=Mode(str(path), wanted))


def test_the_last_backups_are_kept(hba) -> None:
    text = hba.read_text()
    (hba.parent / f"{hba.name}.mended-by-hand").write_text("")
    for number in range(8):
        hba.write_text(text)
        list(mending.carry_out(mending.planned(*read(hba)), OURS, NOW + timedelta(days=number)))
    left = sorted(each.name for each in hba.parent.glob("*.mended-2*"))
    assert [name[19:27] for name in left] == [f"202606{day:02d}" for day in range(4, 9)]
    assert (hba.parent / f"{hba.name}.mended-by-hand").exists()


def test_what_a_killed_run_left_is_removed(hba) -> None:
    stamp = f"{hba.name}.mended-20260101T000000000000Z"
    left = [f".{stamp}.0123.tmp", f"{stamp}.new", f".{stamp}.new.0123.tmp"]
    for name in (*left, f".{hba.name}.0123.tmp", ".other.mended-x.tmp"):
        (hba.parent / name).write_text("")
    carry_out(mending.planned(*read(hba)))
    names = {each.name for each in hba.parent.iterdir()}
    assert not names & set(left)
    assert {f".{hba.name}.0123.tmp", ".other.mended-x.tmp"} <= names  # those of somebody else
