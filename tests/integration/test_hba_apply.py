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
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.disk import DiskError
from pgward.pki import keys
from pgward.system.postgres import Cluster
from tests.fixtures.disks import fill_disk, make_read_only
from tests.fixtures.material import SERVER, Login, SmallCa, psql

pytestmark = pytest.mark.integration

WHO = """select current_user, client_dn, client_serial, issuer_dn
from pg_stat_ssl where pid = pg_backend_pid()"""


def host_of(cluster: Cluster) -> Host:
    found = DataDir.open(cluster.data_dir)
    return Host(found, found.path / "pgward")


def apply(cluster: Cluster, ca, **fields) -> work.Outcome:
    host = host_of(cluster)
    plan = Plan(tls=host.tls_files, **fields)
    return work.apply(host, plan, ca, names=("localhost",), now=datetime.now(UTC))


def refresh(cluster: Cluster, ca) -> work.Outcome:
    return work.refresh(host_of(cluster), ca, now=datetime.now(UTC))


def configuration(cluster: Cluster) -> dict[str, bytes]:
    names = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
    return {name: (cluster.data_dir / name).read_bytes() for name in names}


@pytest.fixture
def alice(small_ca, tmp_path) -> Login:
    return small_ca.person(tmp_path / "alice", "alice")


@pytest.fixture
def ready(pg: Cluster, small_ca: SmallCa) -> Cluster:
    pg.psql("create role alice login; create role bob login password 'b'")
    outcome = apply(pg, small_ca)
    assert (outcome.changed, outcome.running, outcome.took) == (True, True, True)
    return pg


def test_a_person_gets_in_with_the_certificate(ready, alice) -> None:
    done = psql(alice.conninfo(ready.port, "alice"), WHO)
    serial = str(alice.leaf.serial_number)
    assert done.stdout == f"alice|/CN=alice|{serial}|/CN=user issuing\n", done.stderr


def refusal(cluster: Cluster, login: Login, user: str = "alice", **more: str) -> str:
    done = psql(login.conninfo(cluster.port, user, **more))
    assert done.returncode == 2, done.stdout
    return done.stderr


def test_who_does_not_get_in(ready, alice, small_ca, tmp_path) -> None:
    yesterday = {
        "start": datetime.now(UTC) - timedelta(days=1),
        "end": datetime.now(UTC) - timedelta(minutes=1),
    }
    strangers = SmallCa(servers=small_ca.servers)
    expired = small_ca.person(tmp_path / "expired", "alice", **yesterday)
    stranger = strangers.person(tmp_path / "stranger", "alice")
    a_server = small_ca.person(tmp_path / "server", "alice", eku=SERVER)
    said = {
        "none": refusal(ready, alice, sslcert="", sslkey=""),
        "another role": refusal(ready, alice, "bob"),
        "superuser": refusal(ready, alice, "postgres"),
        "plain text": refusal(ready, alice, sslmode="disable"),
        "expired": refusal(ready, expired),
        "stranger": refusal(ready, stranger),
        "server": refusal(ready, a_server),
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


def test_a_revoked_certificate_is_refused_after_a_refresh(ready, alice, small_ca) -> None:
    assert psql(alice.conninfo(ready.port, "alice")).returncode == 0
    small_ca.revoked.append(alice.leaf.serial_number)
    outcome = refresh(ready, small_ca)
    assert (outcome.changed, outcome.took) == (True, True)
    assert "certificate revoked" in refusal(ready, alice)


def test_a_renewed_server_certificate_is_presented(ready, alice, small_ca) -> None:
    small_ca.renew()
    assert refresh(ready, small_ca).took is True
    host = host_of(ready)
    leaf = work.probe.presented("127.0.0.1", ready.port)
    assert leaf == small_ca.current().leaf.public_bytes(Encoding.DER)
    assert host.generations.load() == small_ca.current()
    assert psql(alice.conninfo(ready.port, "alice")).returncode == 0


def test_a_second_time_nothing_changes(ready, small_ca) -> None:
    before = configuration(ready)
    outcome = apply(ready, small_ca)
    assert (outcome.changed, outcome.took) == (False, True)
    assert configuration(ready) == before


def test_a_refresh_with_nothing_new_leaves_the_server_in_peace(ready, small_ca) -> None:
    loaded = ready.psql("select pg_conf_load_time()")
    outcome = refresh(ready, small_ca)
    assert (outcome.changed, outcome.took) == (False, True)
    assert ready.psql("select pg_conf_load_time()") == loaded


def test_password_and_certificate_of_that_role(ready, alice, small_ca) -> None:
    ready.psql("alter role alice password 'a'")
    apply(ready, small_ca, auth=Auth.SCRAM_AND_CERT)
    conninfo = alice.conninfo(ready.port, "alice")
    assert psql(conninfo, PGPASSWORD="a").returncode == 0
    assert "password" in psql(conninfo, PGPASSWORD="wrong").stderr
    assert psql(alice.conninfo(ready.port, "bob"), PGPASSWORD="b").returncode == 2
    assert 'certificate validation (clientcert=verify-full) failed for user "bob"' in (
        ready.log_tail(20)
    )


def test_a_shared_role_with_any_certificate(ready, alice, small_ca) -> None:
    apply(ready, small_ca, auth=Auth.SCRAM_AND_ANY_CERT)
    assert psql(alice.conninfo(ready.port, "bob"), PGPASSWORD="b").stdout == "bob\n"
    refused = psql(alice.conninfo(ready.port, "bob", sslcert="", sslkey=""), PGPASSWORD="b")
    assert "connection requires a valid client certificate" in refused.stderr


def test_roles_that_keep_a_password(ready, alice, small_ca) -> None:
    apply(ready, small_ca, auth=Auth.CERT_OR_SCRAM, password_roles=("bob",))
    bare = {"sslcert": "", "sslkey": ""}
    assert psql(alice.conninfo(ready.port, "bob", **bare), PGPASSWORD="b").stdout == "bob\n"
    assert psql(alice.conninfo(ready.port, "alice")).stdout == "alice\n"
    assert "certificate" in refusal(ready, alice, **bare)


def test_a_map_to_another_role(ready, alice, small_ca) -> None:
    apply(ready, small_ca, mapped=(("alice", "bob"),))
    assert psql(alice.conninfo(ready.port, "bob")).stdout == "bob\n"


def test_names_with_a_domain(ready, small_ca, tmp_path) -> None:
    apply(ready, small_ca, strip_domain="example.com")
    alice = small_ca.person(tmp_path / "a", "alice@example.com")
    other = small_ca.person(tmp_path / "b", "alice@example.com.evil.org")
    assert psql(alice.conninfo(ready.port, "alice")).stdout == "alice\n"
    assert "certificate authentication failed" in refusal(ready, other)


def test_a_broken_file_is_refused_with_its_line(pg, small_ca) -> None:
    with (pg.data_dir / "pg_hba.conf").open("a") as file:
        file.write("host all all 127.0.0.1/33 md5\n")
    before = configuration(pg)
    with pytest.raises(InvalidInputError, match=r"pg_hba\.conf:\d+: invalid CIDR mask"):
        apply(pg, small_ca)
    assert configuration(pg) == before
    assert pg.psql("show ssl") == "off"


@pytest.mark.parametrize("text", [b"# no newline", b"# windows\r\nlocal all all trust\r\n"])
def test_all_other_bytes_stay(pg, small_ca, text) -> None:
    path = pg.data_dir / "pg_hba.conf"
    path.write_bytes(path.read_bytes() + text)
    path.chmod(0o640)
    before = configuration(pg)
    assert apply(pg, small_ca).took is True
    after = configuration(pg)
    assert after["pg_hba.conf"].endswith(before["pg_hba.conf"])
    assert after["pg_ident.conf"].endswith(before["pg_ident.conf"])
    assert after["postgresql.conf"].startswith(before["postgresql.conf"])
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_uid == pg.data_dir.stat().st_uid


def test_a_file_with_windows_line_ends(pg, small_ca, alice) -> None:
    pg.psql("create role alice login")
    for name in ("pg_hba.conf", "pg_ident.conf", "postgresql.conf"):
        path = pg.data_dir / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert apply(pg, small_ca).took is True
    assert all(b"\n" not in c.replace(b"\r\n", b"") for c in configuration(pg).values())
    assert psql(alice.conninfo(pg.port, "alice")).returncode == 0


def test_a_server_that_does_not_run_takes_it_at_its_start(pg_stopped, small_ca, alice) -> None:
    outcome = apply(pg_stopped, small_ca)
    assert (outcome.running, outcome.took) == (False, None)
    pg_stopped.start().psql("create role alice login")
    assert psql(alice.conninfo(pg_stopped.port, "alice")).returncode == 0


def test_a_command_line_that_wins_is_found_and_all_put_back(pg_stopped, small_ca) -> None:
    opts = pg_stopped.data_dir / "postmaster.opts"
    opts.write_text('/usr/bin/postgres "-c" "ssl=off"\n')
    before = configuration(pg_stopped)
    with pytest.raises(ConflictError, match="ssl is 'off' in spite of"):
        apply(pg_stopped, small_ca)
    assert configuration(pg_stopped) == before


class WrongKey:
    """Material that passes our own checks here, and that the server refuses."""

    def __init__(self, ca: SmallCa) -> None:
        self.ca = ca

    def current(self) -> Material:
        return replace(self.ca.current(), key=keys.to_pem(keys.generate(), None))


def test_material_that_the_server_refuses_is_put_back(ready, alice, small_ca, monkeypatch) -> None:
    monkeypatch.setattr(Material, "check", lambda *_: None)
    monkeypatch.setattr(reloading, "_RELOAD_SECONDS", 1)
    before, installed = configuration(ready), host_of(ready).generations.load()
    small_ca.renew()
    with pytest.raises(PgwardError, match="did not take the new configuration"):
        apply(ready, WrongKey(small_ca), roles=("alice",))
    assert (configuration(ready), host_of(ready).generations.load()) == (before, installed)
    assert psql(alice.conninfo(ready.port, "alice")).returncode == 0
    assert "could not load private key file" in ready.log_tail(200)


def test_a_line_before_ours_that_lets_anyone_try(ready, small_ca, monkeypatch) -> None:
    before = configuration(ready)
    real = plan_contents

    def with_a_hole(*arguments):
        made = real(*arguments)
        opened = b"host all all 127.0.0.1/32 scram-sha-256\n" + made.hba.after
        return replace(made, hba=replace(made.hba, after=opened))

    monkeypatch.setattr(work, "plan_contents", with_a_hole)
    with pytest.raises(PgwardError, match="does not refuse a connection without a certificate"):
        apply(ready, small_ca, roles=("alice", "bob"))
    assert configuration(ready) == before
    assert ready.psql("select count(*) from pg_hba_file_rules where 'cert' = auth_method") == "1"


def test_without_sql_access_the_certificate_is_the_sign(pg, small_ca) -> None:
    path = pg.data_dir / "pg_hba.conf"
    path.write_text("local all all reject\n")
    pg.reload()
    first = apply(pg, small_ca)
    again = apply(pg, small_ca)
    assert (first.changed, first.took) == (True, True)
    assert (again.changed, again.took) == (False, None)


def test_a_server_that_starts_between_any_two_steps_works(pg, small_ca, alice) -> None:
    pg.psql("create role alice login")
    host = host_of(pg)
    plan = Plan(tls=host.tls_files)
    before = configuration(pg)
    place = (host.state_dir, host.generations, host.data_dir.disk)
    host.data_dir.disk.make_dir(host.state_dir)
    now = datetime.now(UTC)
    for count in range(9):
        generation = host.generations.write(small_ca.current(), now)
        edits = plan_contents(host.data_dir, plan).edits
        change = Change(*place, generation=generation, edits=edits, now=now)
        for step in change.steps()[:count]:
            step.run()
        pg.stop()
        assert pg.start().psql("select 1") == "1", f"after {count} steps"
        host.recover()
        assert configuration(pg) == before
    assert apply(pg, small_ca).took is True
    assert psql(alice.conninfo(pg.port, "alice")).returncode == 0


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


def test_an_edit_by_hand_inside_the_block_is_not_lost(ready, small_ca, alice) -> None:
    path = ready.data_dir / "pg_hba.conf"
    path.write_bytes(path.read_bytes().replace(b"# END", b"hostssl all bob all trust\n# END"))
    before = configuration(ready)
    with pytest.raises(ConflictError, match="-hostssl all bob all trust"):
        apply(ready, small_ca, roles=("alice",))
    assert configuration(ready) == before
    host = host_of(ready)
    plan, now = Plan(tls=host.tls_files), datetime.now(UTC)
    work.apply(host, plan, small_ca, names=(), now=now, overwrite_edits=True)
    assert b"trust\n# END" not in configuration(ready)["pg_hba.conf"]
    assert psql(alice.conninfo(ready.port, "alice")).returncode == 0


def test_marks_broken_by_hand(ready, small_ca, alice) -> None:
    path = ready.data_dir / "pg_hba.conf"
    path.write_bytes(path.read_bytes().replace(b"# END pgward\n", b""))
    before = configuration(ready)
    with pytest.raises(InvalidInputError, match=r"pg_hba\.conf:1: the marks"):
        apply(ready, small_ca)
    assert configuration(ready) == before
    assert psql(alice.conninfo(ready.port, "alice")).returncode == 0


@pytest.fixture
def far_disk(pg_stopped: Cluster, small_disk_of) -> Path:
    """A small disk of the server's account, to which all configuration files are links."""
    disk = small_disk_of("256k")
    owner = pg_stopped.data_dir.stat()
    os.chown(disk, owner.st_uid, owner.st_gid)
    for parent in disk.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(0o711)
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        path = pg_stopped.data_dir / name
        (disk / name).write_bytes(path.read_bytes())
        os.chown(disk / name, owner.st_uid, owner.st_gid)
        (disk / name).chmod(0o640)
        path.unlink()
        path.symlink_to(disk / name)
    return disk


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
def test_links_to_a_disk_that_gets_full_and_read_only(pg_stopped, far_disk, small_ca, alice):
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
    assert psql(alice.conninfo(pg_stopped.port, "alice")).returncode == 0
    assert apply(pg_stopped, small_ca, map_name="other").took is True
    assert (pg_stopped.data_dir / "pg_hba.conf").is_symlink()
    assert (far_disk / "pg_hba.conf").stat().st_mode & 0o777 == 0o640
    assert psql(alice.conninfo(pg_stopped.port, "alice")).returncode == 0
    pg_stopped.stop()


def test_a_server_that_restarts_before_it_is_told(ready, small_ca, alice, monkeypatch) -> None:
    monkeypatch.setattr(reloading, "_RELOAD_SECONDS", 2)
    real, restarts = Host._check_files, iter([True])

    def restart(*arguments):
        real(*arguments)
        if next(restarts, False):
            ready.stop()
            ready.start()

    monkeypatch.setattr(Host, "_check_files", restart)
    assert apply(ready, small_ca, map_name="other").took is True
    assert list(restarts) == []
    assert b"map=other" in configuration(ready)["pg_hba.conf"]
    assert psql(alice.conninfo(ready.port, "alice")).returncode == 0


def test_back_and_forth(ready, small_ca, alice) -> None:
    applied = configuration(ready)
    now = datetime.now(UTC)
    assert apply(ready, small_ca, map_name="other").took is True
    renamed = configuration(ready)
    first, _ = going_back.history(host_of(ready)).stamps()
    for stamp, expected in ((None, applied), (None, renamed), (first, None)):
        gone = going_back.rollback(host_of(ready), stamp, now=now)
        assert (gone.changed, gone.took) == (True, True)
        if expected is not None:
            assert configuration(ready) == expected
            assert psql(alice.conninfo(ready.port, "alice")).returncode == 0
    assert ready.psql("show ssl") == "off"
    assert going_back.rollback(host_of(ready), None, now=now).took is True
    assert psql(alice.conninfo(ready.port, "alice")).returncode == 0
    assert going_back.remove(host_of(ready), now=now).took is True
    assert ready.psql("show ssl") == "off"


def test_the_key_is_the_servers_alone(ready) -> None:
    owner = ready.data_dir.stat().st_uid
    key = Path(ready.data_dir / "pgward/tls/current/server.key")
    assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (owner, 0o600)
    assert (ready.data_dir / "pgward").stat().st_mode & 0o777 == 0o700
