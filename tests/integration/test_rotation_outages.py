"""A CA is replaced while replicas are killed and disks are full."""

import shutil

import pytest

from pgward.client.machine import Machine
from pgward.core.errors import PgwardError, UnavailableError
from pgward.pki import crl, pem
from tests.fixtures.ca import Site
from tests.fixtures.ca_process import CaProcess, pgward
from tests.fixtures.disks import fill_disk
from tests.fixtures.edge_process import EdgeProcess, eventually, quiet_port
from tests.fixtures.filled import quick_ca
from tests.fixtures.rotation import renew

pytestmark = pytest.mark.integration


class Leading:
    """An administrator who leads a rotation, and asks again when a replica has just died."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def status(self) -> dict:
        return asked(lambda: self.site.api.get("/v1/rotations"))

    def is_ready(self) -> bool:
        (mine,) = self.status()["rotations"]
        return mine["is_ready"]

    def advance(self, name: str) -> str:
        eventually(self.is_ready, what=f"never ready: {self.status()}")
        return self.site.api.post(f"/v1/rotations/{name}/advance", {})["phase"]


def asked(act):
    """What one replica did not answer, another does."""

    def attempt():
        try:
            return [act()]
        except UnavailableError:
            return []

    return eventually(attempt)[0]


def start(directory, what: str, side: str) -> str:
    done = pgward("ca", "rotate", "start", what, directory, "--hierarchy", side)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def edge(balancer, replicas, tmp_path):
    """Two replicas, an administrator, and an edge, who all go through the balancer."""
    for _ in range(2):
        replicas.start()
    site = Site(replicas.running[0], tmp_path)
    assert site.ca.url.endswith(f":{balancer.port}")
    port = quiet_port()
    token = site.api.post("/v1/tokens", {"kind": "edge", "name": "e1", "dns": ["localhost"]})
    Machine.enroll(tmp_path / "e1", token["token"], advertise=f"127.0.0.1:{port}").close()
    made = EdgeProcess(tmp_path / "e1", port)
    yield made, site
    made.close()
    site.close()


@pytest.mark.soak
def test_each_of_two_replicas_is_killed_in_a_rotation(edge, replicas) -> None:
    process, site = edge
    leading = Leading(site)
    first, second = replicas.running
    name = start(replicas.first, "root", "server")
    lags = {each["lags"] for each in leading.status()["replicas"]}
    assert lags == {"it has no key of server-issuing-2"}
    replicas.kill(second)
    for each in (first, second):
        shutil.copy(replicas.first / "keys" / "server-issuing-2.key", each.directory / "keys")
    second = replicas.again(second)
    assert leading.advance(name) == "issue-new"
    replicas.kill(first)
    asked(lambda: renew(site.admin))  # the other one goes on alone
    replicas.again(first)
    assert leading.advance(name) == "trust-new"
    assert leading.advance(name) == "done"
    machine = Machine.load(process.directory)
    issuer = crl.issuer_key_id(machine.leaf)
    machine.close()
    current = replicas.first / "certs" / "server-issuing-2.crt"
    assert issuer == crl.key_id(pem.split(current.read_bytes())[0])


@pytest.fixture
def small(small_disk_of, tmp_path):
    """A CA that serves from a disk of 2 MB."""
    disk = small_disk_of("2m")
    ca = CaProcess(quick_ca(disk / "ca"))
    site = Site(ca, tmp_path)
    yield disk, site
    site.close()


def free(disk) -> None:
    (disk / "filler").unlink()


def files_of(directory) -> set[str]:
    return {path.name for path in directory.rglob("*") if not path.name.startswith("ca.db")}


@pytest.mark.soak
def test_a_full_disk_ends_no_rotation_half_way(small) -> None:
    disk, site = small
    directory, leading = site.ca.directory, Leading(site)
    before = files_of(directory)
    for left in (0, 8_192, 16_384, 65_536):
        fill_disk(disk, leave=left)
        done = pgward("ca", "rotate", "start", "root", directory, "--hierarchy", "user")
        free(disk)
        assert done.returncode == 1, f"{left} bytes: {done.stderr}"
        assert "disk" in done.stderr or "no space left" in done.stderr
        assert "hint: " in done.stderr
        found = leading.status()
        assert (found["rotations"], found["authorities"][0]["state"]) == ([], "current")
        assert files_of(directory) - before <= {
            *("rotate.lock", "user-root-2.key", "user-issuing-2.key"),
            *("user-root-2.crt", "user-root-2-cross.crt", "user-issuing-2.crt"),
        }
    name = start(directory, "root", "user")
    fill_disk(disk)
    with pytest.raises(PgwardError, match="disk"):
        site.api.post(f"/v1/rotations/{name}/advance", {})
    (mine,) = leading.status()["rotations"]
    assert mine["phase"] == "trust-both"
    free(disk)
    assert leading.advance(name) == "issue-new"
    fill_disk(disk)
    with pytest.raises(PgwardError, match="disk"):
        site.api.post(f"/v1/rotations/{name}/advance", {"revoke_remaining": True})
    free(disk)
    renew(site.admin)
    assert leading.advance(name) == "trust-new"
    assert leading.advance(name) == "done"
