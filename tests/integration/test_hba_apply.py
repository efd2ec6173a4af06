"""A real server set up by ``hba.apply``: who gets in, and what happens when it goes wrong."""

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.core.errors import ConflictError, InvalidInputError, PgwardError
from pgward.hba.install import apply as work
from pgward.hba.install import rollback as going_back
from pgward.hba.install.change import Change
from pgward.hba.install.contents import plan_contents
from pgward.hba.install.host import Host
from pgward.hba.install.material import Material
from pgward.hba.plan.model import Auth, Plan
from pgward.hba.server import reloading
from pgward.hba.server.disk import DiskError
from pgward.pki import keys
from pgward.system.postgres import Cluster
from tests.fixtures.applied import apply, configuration, host_of, refresh
from tests.fixtures.disks import fill_disk, make_read_only
from tests.fixtures.material import SERVER, Login, SmallCa, psql

pytestmark = pytest.mark.integration

WHO = """select current_user, client_dn, client_serial, issuer_dn
from pg_stat_ssl where pid = pg_backend_pid()"""


def test_a_person_gets_in_with_the_certificate(pg_applied, alice_login) -> None:
    done = psql(alice_login.conninfo(pg_applied.port, "alice"), WHO)
    serial = str(alice_login.leaf.serial_number)
    assert done.stdout == f"alice|/CN=alice|{serial}|/CN=user issuing\n", done.stderr


def refusal(cluster: Cluster, login: Login, user: str = "alice", **more: str) -> str:
    done = psql(login.conninfo(cluster.port, user, **more))
    assert done.returncode == 2, done.stdout
    return done.stderr


def test_who_does_not_get_in(pg_applied, alice_login, small_ca, tmp_path) -> None:
    yesterday = {
        "start": datetime.now(UTC) - timedelta(days=1),
        "end": datetime.now(UTC) - timedelta(minutes=1),
    }
    strangers = SmallCa(servers=small_ca.servers)
    expired = small_ca.person(tmp_path / "expired", "alice", **yesterday)
    stranger = strangers.person(tmp_path / "stranger", "alice")
    a_server = small_ca.person(tmp_path / "server", "alice", eku=SERVER)
    said = {
        "none": refusal(pg_applied, alice_login, sslcert="", sslkey=""),
        "another role": refusal(pg_applied, alice_login, "bob"),
        "superuser": refusal(pg_applied, alice_login, "postgres"),
        "plain text": refusal(pg_applied, alice_login, sslmode="disable"),
        "expired": refusal(pg_applied, expired),
        "stranger": refusal(pg_applied, stranger),
        "server": refusal(pg_applied, a_server),
    }
    expected = {
        "none": "connection requires a valid client certificate",
        "another role": 'certificate authentication failed for user "bob"',
        "superuser": "pg_hba.conf rejects connection",
        "plain text": "pg_hba.conf rejects connection",
        "expired": "certificate expired",
        "stranger": "unknown ca",
        "server": "unsupported certificate",
    }
    assert {case: text for case, text in expected.items() if text not in said[case]} == {}, said


def test_a_revoked_certificate_is_refused_after_a_refresh(
    pg_applied, alice_login, small_ca
) -> None:
    assert psql(alice_login.conninfo(pg_applied.port, "alice")).returncode == 0
    small_ca.revoked.append(alice_login.leaf.serial_number)
    outcome = refresh(pg_applied, small_ca)
    assert (outcome.changed, outcome.took) == (True, True)
    assert "certificate revoked" in refusal(pg_applied, alice_login)


def test_a_renewed_server_certificate_is_presented(pg_applied, alice_login, small_ca) -> None:
    small_ca.renew()
    assert refresh(pg_applied, small_ca).took is True
    host = host_of(pg_applied)
    leaf = work.probe.presented("127.0.0.1", pg_applied.port)
    assert leaf == small_ca.current().leaf.public_bytes(Encoding.DER)
    assert host.generations.load() == small_ca.current()
    assert psql(alice_login.conninfo(pg_applied.port, "alice")).returncode == 0


@pytest.mark.soak
def test_a_second_time_nothing_changes(pg_applied, small_ca) -> None:
    before = configuration(pg_applied)
    outcome = apply(pg_applied, small_ca)
    assert (outcome.changed, outcome.took) == (False, True)
    assert configuration(pg_applied) == before


@pytest.mark.soak
def test_a_refresh_with_nothing_new_leaves_the_server_in_peace(pg_applied, small_ca) -> None:
    loaded = pg_applied.psql("select pg_conf_load_time()")
    outcome = refresh(pg_applied, small_ca)
    assert (outcome.changed, outcome.took) == (False, True)
    assert pg_applied.psql("select pg_conf_load_time()") == loaded


@pytest.mark.soak
def test_password_and_certificate_of_that_role(pg_applied, alice_login, small_ca) -> None:
    pg_applied.psql("alter role alice password 'a'")
    apply(pg_applied, small_ca, auth=Auth.SCRAM_AND_CERT)
    conninfo = alice_login.conninfo(pg_applied.port, "alice")
    assert psql(conninfo, PGPASSWORD="a").returncode == 0
    assert "password" in psql(conninfo, PGPASSWORD="wrong").stderr
    assert psql(alice_login.conninfo(pg_applied.port, "bob"), PGPASSWORD="b").returncode == 2
    assert 'certificate validation (clientcert=verify-full) failed for user "bob"' in (
        pg_applied.log_tail(20)
    )


@pytest.mark.soak
def test_a_shared_role_with_any_certificate(pg_applied, alice_login, small_ca) -> None:
    apply(pg_applied, small_ca, auth=Auth.SCRAM_AND_ANY_CERT)
    assert psql(alice_login.conninfo(pg_applied.port, "bob"), PGPASSWORD="b").stdout == "bob\n"
    refused = psql(
        alice_login.conninfo(pg_applied.port, "bob", sslcert="", sslkey=""), PGPASSWORD="b"
    )
    assert "connection requires a valid client certificate" in refused.stderr


@pytest.mark.soak
def test_roles_that_keep_a_password(pg_applied, alice_login, small_ca) -> None:
    apply(pg_applied, small_ca, auth=Auth.CERT_OR_SCRAM, password_roles=("bob",))
    bare = {"sslcert": "", "sslkey": ""}
    assert (
        psql(alice_login.conninfo(pg_applied.port, "bob", **bare), PGPASSWORD="b").stdout == "bob\n"
    )
    assert psql(alice_login.conninfo(pg_applied.port, "alice")).stdout == "alice\n"
    assert "certificate" in refusal(pg_applied, alice_login, **bare)


@pytest.mark.soak
def test_a_map_to_another_role(pg_applied, alice_login, small_ca) -> None:
    apply(pg_applied, small_ca, mapped=(("alice", "bob"),))
    assert psql(alice_login.conninfo(pg_applied.port, "bob")).stdout == "bob\n"


@pytest.mark.soak
def test_names_with_a_domain(pg_applied, small_ca, tmp_path) -> None:
    apply(pg_applied, small_ca, strip_domain="example.com")
    alice = small_ca.person(tmp_path / "a", "alice@example.com")
    other = small_ca.person(tmp_path / "b", "alice@example.com.evil.org")
    assert psql(alice.conninfo(pg_applied.port, "alice")).stdout == "alice\n"
    assert "certificate authentication failed" in refusal(pg_applied, other)


def test_a_broken_file_is_refused_with_its_line(pg_shared, small_ca) -> None:
    with (pg_shared.data_dir / "pg_hba.conf").open("a") as file:
        file.write("host all all 127.0.0.1/33 md5\n")
    before = configuration(pg_shared)
    with pytest.raises(InvalidInputError, match=r"pg_hba\.conf:\d+: invalid CIDR mask"):
        apply(pg_shared, small_ca)
    assert configuration(pg_shared) == before
    assert pg_shared.psql("show ssl") == "off"


@pytest.mark.parametrize("text", [b"# no newline", b"# windows\r\nlocal all all trust\r\n"])
def test_all_other_bytes_stay(pg_shared, small_ca, text) -> None:
    path = pg_shared.data_dir / "pg_hba.conf"
    path.write_bytes(path.read_bytes() + text)
    path.chmod(0o640)
    before = configuration(pg_shared)
    assert apply(pg_shared, small_ca).took is True
    after = configuration(pg_shared)
    assert after["pg_hba.conf"].endswith(before["pg_hba.conf"])
    assert after["pg_ident.conf"].endswith(before["pg_ident.conf"])
    assert after["postgresql.conf"].startswith(before["postgresql.conf"])
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_uid == pg_shared.data_dir.stat().st_uid


@pytest.mark.soak
def test_a_file_with_windows_line_ends(pg_shared, small_ca, alice_login) -> None:
    pg_shared.psql("create role alice login")
    for name in ("pg_hba.conf", "pg_ident.conf", "postgresql.conf"):
        path = pg_shared.data_dir / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert apply(pg_shared, small_ca).took is True
    assert all(b"\n" not in c.replace(b"\r\n", b"") for c in configuration(pg_shared).values())
    assert psql(alice_login.conninfo(pg_shared.port, "alice")).returncode == 0


def test_a_server_that_does_not_run_takes_it_at_its_start(
    pg_stopped, small_ca, alice_login
) -> None:
    outcome = apply(pg_stopped, small_ca)
    assert (outcome.running, outcome.took) == (False, None)
    pg_stopped.start().psql("create role alice login")
    assert psql(alice_login.conninfo(pg_stopped.port, "alice")).returncode == 0


def test_a_command_line_that_wins_is_found_and_all_put_back(pg_files, small_ca) -> None:
    opts = pg_files.data_dir / "postmaster.opts"
    opts.write_text('/usr/bin/postgres "-c" "ssl=off"\n')
    before = configuration(pg_files)
    with pytest.raises(ConflictError, match="ssl is 'off' in spite of"):
        apply(pg_files, small_ca)
    assert configuration(pg_files) == before


class WrongKey:
    """Material that passes our own checks here, and that the server refuses."""

    def __init__(self, ca: SmallCa) -> None:
        self.ca = ca

    def current(self) -> Material:
        return replace(self.ca.current(), key=keys.to_pem(keys.generate(), None))


def test_material_that_the_server_refuses_is_put_back(
    pg_applied, alice_login, small_ca, monkeypatch
) -> None:
    monkeypatch.setattr(Material, "check", lambda *_: None)
    monkeypatch.setattr(reloading, "_RELOAD_SECONDS", 1)
    before, installed = configuration(pg_applied), host_of(pg_applied).generations.load()
    small_ca.renew()
    with pytest.raises(PgwardError, match="did not take the new configuration"):
        apply(pg_applied, WrongKey(small_ca), roles=("alice",))
    assert (configuration(pg_applied), host_of(pg_applied).generations.load()) == (
        before,
        installed,
    )
    assert psql(alice_login.conninfo(pg_applied.port, "alice")).returncode == 0
    assert "could not load private key file" in pg_applied.log_tail(200)


def test_a_line_before_ours_that_lets_anyone_try(pg_applied, small_ca, monkeypatch) -> None:
    before = configuration(pg_applied)
    real = plan_contents

    def with_a_hole(*arguments):
        made = real(*arguments)
        opened = b"host all all 127.0.0.1/32 scram-sha-256\n" + made.hba.after
        return replace(made, hba=replace(made.hba, after=opened))

    monkeypatch.setattr(work, "plan_contents", with_a_hole)
    with pytest.raises(PgwardError, match="does not refuse a connection without a certificate"):
        apply(pg_applied, small_ca, roles=("alice", "bob"))
    assert configuration(pg_applied) == before
    assert (
        pg_applied.psql("select count(*) from pg_hba_file_rules where 'cert' = auth_method") == "1"
    )


def test_without_sql_access_the_certificate_is_the_sign(pg_shared, small_ca) -> None:
    path = pg_shared.data_dir / "pg_hba.conf"
    path.write_text("local all all reject\n")
    pg_shared.reload()
    first = apply(pg_shared, small_ca)
    again = apply(pg_shared, small_ca)
    assert (first.changed, first.took) == (True, True)
    assert (again.changed, again.took) == (False, None)


@pytest.mark.soak
def test_a_server_that_starts_between_any_two_steps_works(pg_shared, small_ca, alice_login) -> None:
    pg_shared.psql("create role alice login")
    host = host_of(pg_shared)
    plan = Plan(tls=host.tls_files)
    before = configuration(pg_shared)
    place = (host.state_dir, host.generations, host.data_dir.disk)
    host.data_dir.disk.make_dir(host.state_dir)
    now = datetime.now(UTC)
    for count in range(9):
        generation = host.generations.write(small_ca.current(), now)
        edits = plan_contents(host.data_dir, plan).edits
        change = Change(*place, generation=generation, edits=edits, now=now)
        for step in change.steps()[:count]:
            step.run()
        pg_shared.stop()
        assert pg_shared.start().psql("select 1") == "1", f"after {count} steps"
        host.recover()
        assert configuration(pg_shared) == before
    assert apply(pg_shared, small_ca).took is True
    assert psql(alice_login.conninfo(pg_shared.port, "alice")).returncode == 0


def test_a_read_only_directory_loses_nothing(pg_files, small_ca) -> None:
    before = configuration(pg_files)
    pg_files.data_dir.chmod(0o500)
    try:
        with pytest.raises(DiskError, match=r"cannot create .*pgward: permission denied"):
            apply(pg_files, small_ca)
    finally:
        pg_files.data_dir.chmod(0o700)
    assert configuration(pg_files) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
def test_a_full_directory_loses_nothing(pg_files, small_ca) -> None:
    small = pg_files.data_dir / "pgward"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "pgward-test", small],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    owner = pg_files.data_dir.stat()
    os.chown(small, owner.st_uid, owner.st_gid)
    before = configuration(pg_files)
    try:
        with pytest.raises(DiskError, match="no space left on device"):
            apply(pg_files, small_ca)
    finally:
        subprocess.run(["umount", small], check=True)
    assert configuration(pg_files) == before


def test_an_edit_by_hand_inside_the_block_is_not_lost(pg_applied, small_ca, alice_login) -> None:
    path = pg_applied.data_dir / "pg_hba.conf"
    path.write_bytes(path.read_bytes().replace(b"# END", b"hostssl all bob all trust\n# END"))
    before = configuration(pg_applied)
    with pytest.raises(ConflictError, match="-hostssl all bob all trust"):
        apply(pg_applied, small_ca, roles=("alice",))
    assert configuration(pg_applied) == before
    host = host_of(pg_applied)
    plan, now = Plan(tls=host.tls_files), datetime.now(UTC)
    work.apply(host, plan, small_ca, names=(), now=now, overwrite_edits=True)
    assert b"trust\n# END" not in configuration(pg_applied)["pg_hba.conf"]
    assert psql(alice_login.conninfo(pg_applied.port, "alice")).returncode == 0


@pytest.mark.soak
def test_marks_broken_by_hand(pg_applied, small_ca, alice_login) -> None:
    path = pg_applied.data_dir / "pg_hba.conf"
    path.write_bytes(path.read_bytes().replace(b"# END pgward\n", b""))
    before = configuration(pg_applied)
    with pytest.raises(InvalidInputError, match=r"pg_hba\.conf:1: the marks"):
        apply(pg_applied, small_ca)
    assert configuration(pg_applied) == before
    assert psql(alice_login.conninfo(pg_applied.port, "alice")).returncode == 0


@pytest.fixture
def far_disk(pg_stopped: Cluster, small_disk_of) -> Path:
    """A small disk of the server's account, to which all configuration files are links."""
    disk = small_disk_of("256k", pg_stopped.directory)
    owner = pg_stopped.data_dir.stat()
    os.chown(disk, owner.st_uid, owner.st_gid)
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        path = pg_stopped.data_dir / name
        (disk / name).write_bytes(path.read_bytes())
        os.chown(disk / name, owner.st_uid, owner.st_gid)
        (disk / name).chmod(0o640)
        path.unlink()
        path.symlink_to(disk / name)
    return disk


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
def test_links_to_a_disk_that_gets_full_and_read_only(pg_stopped, far_disk, small_ca, alice_login):
    pg_stopped.start().psql("create role alice login")
    assert apply(pg_stopped, small_ca).took is True
    before = configuration(pg_stopped)
    fill_disk(far_disk, leave=12288)  # enough for a backup or two
    with pytest.raises(DiskError, match="no space left on device"):
        apply(pg_stopped, small_ca, map_name="other")
    assert configuration(pg_stopped) == before
    (far_disk / "filler").unlink()
    make_read_only(far_disk)
    with pytest.raises(DiskError, match="read-only file system"):
        apply(pg_stopped, small_ca, map_name="other")
    assert configuration(pg_stopped) == before
    subprocess.run(["mount", "-o", "remount,rw", far_disk], check=True)
    assert psql(alice_login.conninfo(pg_stopped.port, "alice")).returncode == 0
    assert apply(pg_stopped, small_ca, map_name="other").took is True
    assert (pg_stopped.data_dir / "pg_hba.conf").is_symlink()
    assert (far_disk / "pg_hba.conf").stat().st_mode & 0o777 == 0o640
    assert psql(alice_login.conninfo(pg_stopped.port, "alice")).returncode == 0
    pg_stopped.stop()


@pytest.mark.soak
def test_a_server_that_restarts_before_it_is_told(
    pg_applied, small_ca, alice_login, monkeypatch
) -> None:
    monkeypatch.setattr(reloading, "_RELOAD_SECONDS", 2)
    real, restarts = Host._check_files, iter([True])

    def restart(*arguments):
        real(*arguments)
        if next(restarts, False):
            pg_applied.stop()
            pg_applied.start()

    monkeypatch.setattr(Host, "_check_files", restart)
    assert apply(pg_applied, small_ca, map_name="other").took is True
    assert list(restarts) == []
    assert b"map=other" in configuration(pg_applied)["pg_hba.conf"]
    assert psql(alice_login.conninfo(pg_applied.port, "alice")).returncode == 0


@pytest.mark.soak
def test_back_and_forth(pg_applied, small_ca, alice_login) -> None:
    applied = configuration(pg_applied)
    now = datetime.now(UTC)
    assert apply(pg_applied, small_ca, map_name="other").took is True
    renamed = configuration(pg_applied)
    first, _ = going_back.history(host_of(pg_applied)).stamps()
    for stamp, expected in ((None, applied), (None, renamed), (first, None)):
        gone = going_back.rollback(host_of(pg_applied), stamp, now=now)
        assert (gone.changed, gone.took) == (True, True)
        if expected is not None:
            assert configuration(pg_applied) == expected
            assert psql(alice_login.conninfo(pg_applied.port, "alice")).returncode == 0
    assert pg_applied.psql("show ssl") == "off"
    assert going_back.rollback(host_of(pg_applied), None, now=now).took is True
    assert psql(alice_login.conninfo(pg_applied.port, "alice")).returncode == 0
    assert going_back.remove(host_of(pg_applied), now=now).took is True
    assert pg_applied.psql("show ssl") == "off"


@pytest.mark.soak
def test_the_key_is_the_servers_alone(pg_applied) -> None:
    owner = pg_applied.data_dir.stat().st_uid
    key = Path(pg_applied.data_dir / "pgward/tls/current/server.key")
    assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (owner, 0o600)
    assert (pg_applied.data_dir / "pgward").stat().st_mode & 0o777 == 0o700
