"""The example for containers: what runs in the official image, and beside it."""

import shutil
from pathlib import Path

import pytest
import yaml

from pgward.system.postgres import free_port, temporary_directory
from tests.fixtures.ca import Person, Site
from tests.fixtures.container import UID, Image
from tests.fixtures.edge_process import eventually
from tests.fixtures.material import Login, psql

EXAMPLE = Path(__file__).parents[2] / "examples" / "docker"
pytestmark = pytest.mark.integration


def token(site: Site) -> str:
    body = {"kind": "host", "name": site.unique("container"), "dns": ["localhost"]}
    return str(site.api.post("/v1/tokens", body)["token"])


def conninfo(image: Image, who: Person, role: str = "", **more: str) -> str:
    current = who.home / "identity" / "current"
    login = Login(None, *(current / name for name in ("login.crt", "login.key", "ca.crt")))
    return login.conninfo(image.port, role or who.name, **more)


def image_in(directory: Path, version: int, token: str) -> Image:
    """The example's script, as the image has it."""
    made = Image(
        version, directory / "volume", directory / "token", directory / "initdb.d", free_port()
    )
    made.volume.mkdir()
    made.volume.chmod(0o755)
    made.token.write_text(token)
    shutil.copytree(EXAMPLE / "initdb.d", made.scripts)
    return made


@pytest.mark.soak
@pytest.mark.parametrize("version", [17, 18])
def test_the_official_image(version: int, own_site: Site) -> None:
    alice = own_site.person()
    with temporary_directory() as directory:
        image = image_in(directory, version, token(own_site))
        with image.run(directory / "one", directory / "one.log") as container:
            container.serves()
            container.sql(f"create role \"{alice.name}\" login password 'alice'")
            entered = conninfo(image, alice)
            assert psql(entered).stdout == f"{alice.name}\n", psql(entered).stderr
            bare = conninfo(image, alice, sslcert="", sslkey="", password="alice")
            assert "client certificate" in psql(bare).stderr
            root = conninfo(image, alice, "postgres", password="word")
            assert "rejects connection" in psql(root).stderr

            arguments = ("--data-dir", image.data_dir)
            assert "nothing to change" in container.pgward("hba", "refresh", *arguments)
            own_site.admin.ok("ca", "revoke", "--user", alice.name)
            assert "the running server took it" in container.pgward("hba", "refresh", *arguments)
            assert "revoked" in psql(entered).stderr
            owners = {each.stat().st_uid for each in image.volume.rglob("*")}
            assert owners == {UID}
            container.stop()

        alice.login().close()
        with image.run(directory / "two", directory / "two.log") as container:
            container.serves()
            entered = conninfo(image, alice)
            assert psql(entered).stdout == f"{alice.name}\n", psql(entered).stderr
            assert "nothing to change" in container.pgward("hba", "refresh", *arguments)
            container.stop()


@pytest.mark.soak
def test_one_that_pgward_could_not_set_up_never_serves() -> None:
    with temporary_directory() as directory:
        image = image_in(directory, 17, "no token at all")
        for name in ("one", "two"):
            log = directory / f"{name}.log"
            with image.run(directory / name, log) as container:
                eventually(lambda c=container: not Path(f"/proc/{c.place.pid}").exists(), 60)
            assert ("will not start" in log.read_text()) == (name == "one")
        assert "could not load" in log.read_text()


def test_the_compose_file_names_what_is_there() -> None:
    compose = yaml.safe_load((EXAMPLE / "compose.yaml").read_text())
    server, agent = compose["services"]["db"], compose["services"]["pgward"]
    assert (server["build"], server["volumes"]) == (agent["build"], agent["volumes"])
    assert (EXAMPLE / server["build"]["context"] / server["build"]["dockerfile"]).exists()
    assert {name for each in server["volumes"] for name in [each.partition(":")[0]]} == set(
        compose["volumes"]
    )
    assert set(server["secrets"]) == set(compose["secrets"])
    assert agent["pid"] == agent["network_mode"] == "service:db"
