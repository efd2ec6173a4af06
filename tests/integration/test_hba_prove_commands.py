"""``pgward hba prove`` as a process, with a real CA and a real server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pgward.system.postgres import Account
from tests.fixtures.ca import Site
from tests.fixtures.ca_process import pgward
from tests.fixtures.proving import role_names

pytestmark = pytest.mark.integration


def test_from_the_ca_to_the_table(pg, site: Site) -> None:
    body = {"kind": "host", "name": site.unique("pg"), "dns": ["localhost"]}
    token = str(site.api.post("/v1/tokens", body)["token"])
    where = ("--data-dir", pg.data_dir)
    done = pgward("hba", "apply", *where, "--token-file", "-", stdin=token)
    assert done.returncode == 0, done.stderr
    person = site.person()
    pg.psql(f'create role "{person.name}" login')
    before = role_names(pg)
    login = ("--login", person.home / "identity" / "current")
    done = pgward("hba", "prove", *where, *login, "-o", "json")
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert (told["counts"]["differs"], told["notes"]) == (0, [])
    seen = {row["shown"]: (row["seen"], row["why"].partition(";")[0]) for row in told["rows"]}
    assert seen["certificate: revoked"] == ("refused in TLS", "certificate revoked")
    assert seen["certificate: expired"] == ("refused in TLS", "certificate expired")
    rows = [row for row in told["rows"] if row["shown"] == f"certificate of {person.name}"]
    assert {row["role"]: row["seen"] for row in rows} == {
        person.name: "let in",
        "postgres": "refused",
        "another role": "refused",
    }
    assert role_names(pg) == before
    (event,) = [e for e in events(site) if e["actor"] == f"host:{body['name']}"]
    assert event["target"].startswith("pgward_prove_")

    path = pg.data_dir / "pg_hba.conf"
    path.write_text("host all all all trust\n" + path.read_text())
    # The server's own account, which has no more than this, finds the same.
    done = prove_as(pg.account, pg.data_dir)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout, done.stderr
    assert done.stdout.splitlines()[0].split() == [
        *("ADDRESS", "BY", "AS", "TO", "WITH", "WANTED", "FILES", "SEEN")
    ]
    assert "differs: 127.0.0.1, no TLS, no certificate, its own role: " in done.stderr
    assert f"{path}:1: let in" in done.stderr
    assert role_names(pg) == before


AS_ACCOUNT = """
import encodings.ascii, encodings.idna, encodings.latin_1, importlib, os, pkgutil, sys
import pgward.client, pgward.hba
from pgward.cli import cli

# The account may not be able to read Python's own files.
for package in (pgward.client, pgward.hba):
    for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(each.name)
user, group, *arguments = sys.argv[1:]
os.setgroups([])
os.setgid(int(group))
os.setuid(int(user))
os.environ["HOME"] = "/nonexistent"
os.chdir("/")
cli(["hba", "prove", "--data-dir", *arguments])
"""


def prove_as(account: Account | None, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Prove as an account that is not root, where we are root."""
    if account is None:
        return pgward("hba", "prove", "--data-dir", data_dir)
    return subprocess.run(
        [sys.executable, "-c", AS_ACCOUNT, str(account.uid), str(account.gid), str(data_dir)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def events(site: Site) -> list[dict]:
    found = site.api.get("/v1/audit?after=0&limit=1000&action=proof.issue")["events"]
    return list(found)
