"""schemathesis calls everything that the OpenAPI description knows, with what fits and what not.

The CA is a real process, which does not count how often it is asked. Two calls of three are
proved as the administrator's or an edge's, so that what lies behind the proofs is reached too.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pgward.client.api import ApiClient, PersonProver, pin
from pgward.pki import csr, keys
from tests.fixtures.ca_process import PASSWORD, CaProcess

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]


@pytest.fixture
def ca(ca_directory, start_ca) -> CaProcess:
    settings = ca_directory / "pgward.toml"
    before, limits, after = re.split(r"(\[limits\]\n(?:\w.*\n)+)", settings.read_text())
    settings.write_text(before + re.sub(r" = \d+", " = 0", limits) + after)
    return start_ca()


def enrolled(ca: CaProcess) -> dict[str, str]:
    """Enroll an edge; return its key and chain."""
    trust, device, key = pin(ca.url, ca.fingerprint), keys.generate(), keys.generate()
    login = {"method": "password", "user": "admin", "password": PASSWORD}
    with ApiClient.of(trust, prover=PersonProver(device)) as client:
        client.prover = PersonProver(device, client.post("/v1/login", login)["token"])
        token = client.post("/v1/tokens", {"kind": "edge", "name": "e1"})["token"]
        body = {"token": token, "csr": csr.make(key).decode(), "advertise": "e1.test:7432"}
        found = client.post("/v1/enroll", body)
    chain = "".join([found["certificate"], *found["chain"]])
    return {"key": keys.to_pem(key, None).decode(), "chain": chain}


def run(ca: CaProcess, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    given = {
        "user": "admin",
        "password": PASSWORD,
        "root": str(ca.root),
        **enrolled(ca),
    }
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.fixtures.schemathesis_hooks",
        "PGWARD_HOOKS": json.dumps(given),
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
    }
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    return subprocess.run(
        [
            *(sys.executable, "-c", program),
            *("--config-file", str(ROOT / "tests" / "fixtures" / "schemathesis.toml")),
            *("run", f"{ca.url}/v1/openapi.json", "--tls-verify", str(ca.root)),
            *("--checks", "all", "--no-shrink", "--warnings", "off", "--request-timeout", "40"),
            *arguments,
        ],
        env=environment,
        cwd=ca.directory.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


@pytest.mark.parametrize(
    "where",
    [
        pytest.param("^/v1/(me|login|resources|access)", id="some"),
        pytest.param("", marks=pytest.mark.soak, id="all"),
    ],
)
def test_everything_keeps_to_its_description(ca, where):
    chosen = ("--include-path-regex", where) if where else ()
    done = run(ca, "--phases", "fuzzing", "--max-examples", "1", *chosen, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.soak
def test_everything_keeps_to_its_description_for_long(ca):
    done = run(
        ca,
        "--max-examples",
        os.environ.get("N", "200"),
        "--continue-on-failure",
        timeout=3600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
