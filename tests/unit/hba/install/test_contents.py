from dataclasses import replace

import pytest

from pgward.core.errors import ConflictError, InvalidInputError, PgwardError
from pgward.hba.install.contents import (
    check_after,
    check_before,
    check_by_hand,
    plan_contents,
    warnings,
)
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir


@pytest.fixture
def host(pg_files) -> Host:
    found = DataDir.open(pg_files.data_dir)
    return Host(found, found.path / "pgward")


@pytest.fixture
def plan(host) -> Plan:
    return Plan(tls=host.tls_files)


def append(path, text: str) -> int:
    """Append a line; return its number."""
    before = path.read_text()
    path.write_text(f"{before}{text}\n")
    return before.count("\n") + 1


def test_new_contents(host, plan) -> None:
    made = plan_contents(host.data_dir, plan)
    assert [edit.path.name for edit in made.edits] == [
        "postgresql.conf",
        "pg_ident.conf",
        "pg_hba.conf",
    ]
    assert made.hba.after.startswith(b"# BEGIN pgward")
    assert made.config.after.endswith(b"# END pgward\n")
    assert b"ssl_cert_file = 'pgward/tls/current/server.crt'" in made.config.after
    assert "+hostssl    all  all  all  cert map=pgward\n" in made.diff()


def test_the_diff_of_a_file_without_a_last_newline(host, plan) -> None:
    host.data_dir.hba_file.write_bytes(b"local all all peer")
    assert plan_contents(host.data_dir, plan).diff().endswith("\n")


def test_the_diff_shows_no_password_beside_what_changes(host, plan) -> None:
    line = b"host all all 10.0.0.0/8 ldap ldapserver=h ldapbindpasswd=geheim\n"
    host.data_dir.hba_file.write_bytes(line)
    shown = plan_contents(host.data_dir, plan).diff()
    assert " host all all 10.0.0.0/8 ldap ldapserver=h ldapbindpasswd=…\n" in shown
    assert "geheim" not in shown


def test_the_diff_moves_no_cursor(host, plan) -> None:
    host.data_dir.hba_file.write_bytes(b"# \x1b[2J\tx\x85y\x0bz\r\nlocal all all peer\r\n")
    shown = plan_contents(host.data_dir, plan).diff()
    assert " # \\x1b[2J\tx\\x85y\\x0bz\n" in shown
    assert "\x1b" not in shown


def test_a_missing_file_is_made(host, plan) -> None:
    host.data_dir.ident_file.unlink()
    edit = plan_contents(host.data_dir, plan).ident
    assert edit.before is None
    assert edit.after.startswith(b"# BEGIN pgward")


def test_a_good_configuration_passes(host, plan) -> None:
    check_before(host, plan)


def test_a_broken_line_of_pg_hba(host, plan) -> None:
    line = append(host.data_dir.hba_file, "host all all 10.0.0.0/8 magic")
    with pytest.raises(InvalidInputError, match=rf"pg_hba.conf:{line}: 'magic' is no auth") as it:
        check_before(host, plan)
    assert "nothing was changed" in it.value.hint


def test_a_missing_pg_hba_is_broken(host, plan) -> None:
    host.data_dir.hba_file.unlink()
    with pytest.raises(InvalidInputError, match=r"pg_hba\.conf: there is no such file"):
        check_before(host, plan)


def test_a_broken_line_inside_our_block_is_ours_to_mend(host, plan) -> None:
    made = plan_contents(host.data_dir, plan)
    host.data_dir.hba_file.write_bytes(made.hba.after.replace(b"cert map", b"magic map"))
    check_before(host, plan)


def test_a_broken_postgresql_conf(host, plan) -> None:
    append(host.data_dir.config_file, "nonsense = 1")
    with pytest.raises(PgwardError, match='unrecognized configuration parameter "nonsense"'):
        check_before(host, plan)


def test_alter_system_wins_and_is_told(host, plan) -> None:
    line = append(host.data_dir.auto_file, "ssl_ca_file = '/else'")
    with pytest.raises(
        ConflictError, match=rf"auto.conf:{line}: ssl_ca_file was set by ALTER"
    ) as it:
        check_before(host, plan)
    assert "alter system reset ssl_ca_file" in it.value.hint


def test_alter_system_of_lesser_settings_is_a_warning(host, plan) -> None:
    append(host.data_dir.auto_file, "log_connections = 'off'")
    check_before(host, plan)
    assert any(
        "log_connections was set by ALTER SYSTEM" in said for said in warnings(host.data_dir, plan)
    )


def test_whom_the_lines_below_let_in(host, plan) -> None:
    host.data_dir.hba_file.write_text("host all all all md5\nhost replication all all md5\n")
    (said,) = warnings(host.data_dir, plan)
    assert said.endswith(
        "pg_hba.conf:2: lets all into replication from all by md5 without a certificate"
    )


def test_a_line_keeps_its_number_below_the_block(host, plan) -> None:
    host.data_dir.hba_file.write_text("host replication all all md5\n")
    host.data_dir.hba_file.write_bytes(plan_contents(host.data_dir, plan).hba.after)
    (said,) = warnings(host.data_dir, plan)
    assert "pg_hba.conf:7: " in said


def test_another_ca_is_replaced(host, plan) -> None:
    (host.data_dir.path / "old.crt").write_text("x")
    append(host.data_dir.config_file, "ssl_ca_file = 'old.crt'")
    assert any("ssl_ca_file was old.crt" in said for said in warnings(host.data_dir, plan))


def test_what_the_server_would_use_in_the_end(host, plan) -> None:
    with pytest.raises(ConflictError, match=r"ssl is .off. in spite of"):
        check_after(host.data_dir, plan)
    made = plan_contents(host.data_dir, plan)
    host.data_dir.config_file.write_bytes(made.config.after)
    check_after(host.data_dir, plan)


def test_an_edit_by_hand_inside_the_block_is_not_lost(host, plan) -> None:
    made = plan_contents(host.data_dir, plan)
    path = host.data_dir.hba_file
    path.write_bytes(made.hba.after.replace(b"hostssl  ", b"host     "))
    with pytest.raises(
        ConflictError, match=r"edited pgward's block in .*pg_hba\.conf, which"
    ) as it:
        check_by_hand(plan_contents(host.data_dir, plan).edits)
    assert "\n-host       all  all  all  cert map=pgward\n+hostssl" in it.value.message
    assert "--overwrite-edits" in it.value.hint
    path.write_bytes(b"# theirs\n" + made.hba.after + b"# theirs\n")
    check_by_hand(plan_contents(host.data_dir, plan).edits)


def test_the_map_serves_both_while_pg_hba_changes(host, plan) -> None:
    first = plan_contents(host.data_dir, plan)
    for edit in first.edits:
        edit.path.write_bytes(edit.after)
    renamed = plan_contents(host.data_dir, replace(plan, map_name="other")).ident
    assert b"other  /^(" in renamed.between
    assert b"pgward  /^(" in renamed.between
    assert b"\npgward  /^(" not in renamed.after
    assert plan_contents(host.data_dir, replace(plan, mapped=(("a", "b"),))).ident.between is None


def test_files_that_patroni_writes(host, plan) -> None:
    path = host.data_dir.hba_file
    header = b"# Do not edit this file manually!\n# It will be overwritten by Patroni!\n"
    path.write_bytes(header + path.read_bytes())
    with pytest.raises(ConflictError, match=r"pg_hba\.conf is written by Patroni"):
        check_before(host, plan)
