"""How many login certificates a second the CA issues: ``python -m bench.issuance``.

The whole path, over HTTPS with keep-alive: proof of possession, login session, policy, lint,
signature, durable store, audit. wrk is the load generator; the proofs, of which each request
needs a new one, are made before the clock starts.
"""

import argparse
import json
import re
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from bench import interpreter
from bench.processes import BenchError, free_port, run, running, wait_listening
from bench.procfs import cpu
from pgward.client.api import ApiClient, PersonProver
from pgward.core.address import Address
from pgward.pki import csr, keys, proof

_PATH = "/v1/certificates/login"
_PROOFS = 40_000  # a proof is good for a minute, and they are made in a few seconds
_MOST_SECONDS = 30
_SCRIPT = """\
local requests = {}
function init(args)
  local body = args[2]
  for line in io.lines(args[1]) do
    local token, dpop = line:match("(%S+) (%S+)")
    requests[#requests + 1] = wrk.format("POST", nil, {
      ["Authorization"] = "DPoP " .. token, ["DPoP"] = dpop,
      ["Content-Type"] = "application/json"}, body)
  end
end
local next = 0
function request()
  next = next + 1
  if next > #requests then wrk.thread:stop(); return requests[#requests] end
  return requests[next]
end
function response(status, headers, body)
  if status ~= 200 then io.stderr:write(status, " ", body, "\\n") end
end
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A login session: the token, and the key that it is bound to."""

    token: str
    key: ec.EllipticCurvePrivateKey


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.issuance", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--people", type=int, default=16)
    options = parser.parse_args(argv)
    if options.seconds > _MOST_SECONDS:
        raise BenchError(f"a proof is good for a minute: at most {_MOST_SECONDS} seconds a round")
    with tempfile.TemporaryDirectory(prefix="pgward-bench-") as directory:
        _measure(Path(directory), options)


def _measure(directory: Path, options: argparse.Namespace) -> None:
    listen = Address("127.0.0.1", free_port())
    ca, log, password = directory / "ca", directory / "ca.log", secrets.token_urlsafe(15)
    arguments = ["--dns", "localhost", "--listen", str(listen), "--admin-password-file", "-"]
    pgward = interpreter.command("-m", "pgward")
    run([*pgward, "ca", "init", ca, *arguments], stdin=f"{password}\n")
    _lift_limits(ca / "pgward.toml")
    with running([*pgward, "ca", "serve", ca], log) as process:
        wait_listening(listen, process, log)
        url = f"https://localhost:{listen.port}"
        people = [_login(ca, url, password) for _ in range(options.people)]
        for _ in range(options.rounds):
            _write_proofs(directory / "proofs", people, url)
            (directory / "wrk.lua").write_text(_SCRIPT)
            before = cpu([process.pid]).total
            began = time.monotonic()
            said = _wrk(directory, url, options)
            wall = time.monotonic() - began
            print(_report(said, cpu([process.pid]).total - before, wall), flush=True)


def _lift_limits(settings: Path) -> None:
    """Let the few people of a bench ask as often as they can."""
    before, limits, after = re.split(r"(\[limits\]\n(?:\w.*\n)+)", settings.read_text())
    settings.write_text(before + re.sub(r" = \d+", " = 0", limits) + after)


def _login(ca: Path, url: str, password: str) -> Person:
    root = (ca / "certs" / "server-root.crt").read_text()
    key = keys.generate()
    with ApiClient(url, [root], prover=PersonProver(key)) as client:
        reply = client.post(
            "/v1/login", {"method": "password", "user": "admin", "password": password}
        )
    return Person(str(reply["token"]), key)


def _write_proofs(path: Path, people: Sequence[Person], url: str) -> None:
    with path.open("w") as file:
        for number in range(_PROOFS):
            person = people[number % len(people)]
            made = proof.make(
                person.key, "POST", url + _PATH, now=datetime.now(UTC), token=person.token
            )
            file.write(f"{person.token} {made}\n")


def _wrk(directory: Path, url: str, options: argparse.Namespace) -> str:
    body = json.dumps({"csr": csr.make(keys.generate()).decode()})
    return run(
        [
            *("wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "--latency"),
            *("-s", directory / "wrk.lua", url + _PATH, "--"),
            *(directory / "proofs", body),
        ]
    )


def _report(said: str, used: float, wall: float) -> str:
    total = re.search(r"(\d+) requests in ([\d.]+)(m?s)", said)
    if total is None:
        raise BenchError(f"wrk said {said}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    refused = int(bad[1]) if bad else 0
    issued = int(total[1]) - refused
    spread = dict(re.findall(r"(50|99)%\s+([\d.]+m?s)", said))
    return (
        f"{issued / float(total[2]):8.0f} certificates/s, {refused} refused,"
        f" p50 {spread.get('50')}, p99 {spread.get('99')},"
        f" CPU of the CA {used / max(issued, 1) * 1e6:.0f} us each ({used / wall:.2f} cores)"
    )


if __name__ == "__main__":
    main()
