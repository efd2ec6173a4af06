"""What a real `ca serve` tells of itself, and that it tells no secret."""

import json
import os
import re
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
import yaml

from pgward.ca.settings import FILE, Settings
from pgward.client.api import ApiClient, MachineProver, PersonProver, pin
from pgward.core.errors import DeniedError, InvalidInputError
from pgward.pki import csr, keys, pem, proof
from tests.fixtures.ca_process import PASSWORD

pytestmark = pytest.mark.integration
TRACE = "0af7651916cd43dd8448eb211c80319c"
RULES = Path(__file__).parents[2] / "examples" / "prometheus-rules.yml"


def scrape(ca):
    told = json.loads((ca.directory.parent / f"{ca.directory.name}.ready").read_text())
    with urllib.request.urlopen(f"http://{told['metrics']}/metrics", timeout=10) as answer:
        return answer.read().decode()


class Run:
    """A login, an enrolment, renewals and a revocation; ``secrets`` is what nobody may read."""

    def __init__(self, ca):
        self.trust = pin(ca.url, ca.fingerprint)
        self.context, self.key = ca.trusting(), keys.generate()
        self.secrets = [PASSWORD, (ca.directory / "passphrase").read_text().strip()]
        self.secrets.append(keys.to_pem(self.key, None).decode().splitlines()[1])
        body = {"method": "password", "user": "admin", "password": PASSWORD}
        with ApiClient.of(self.trust, prover=PersonProver(self.key)) as client:
            with pytest.raises(DeniedError):
                client.post("/v1/login", body | {"password": "wrong s3cret"})
            self.token = client.post("/v1/login", body)["token"]
        self.secrets += ["wrong s3cret", self.token]
        with ApiClient.of(self.trust, prover=PersonProver(self.key, self.token)) as client:
            self._person(client)

    def _person(self, client):
        request = {"csr": csr.make(keys.generate()).decode()}
        with pytest.raises(InvalidInputError):
            client.post("/v1/certificates/login", {"csr": "none"})
        first = client.post("/v1/certificates/login", request)
        second = client.post("/v1/certificates/login", request)
        assert first["serial"] != second["serial"]
        client.post(f"/v1/certificates/{first['serial']}/revoke", {"reason": "superseded"})
        new = {"name": "bob", "password": "quite another s3cret"}
        client.post("/v1/users", new)
        self.secrets.append(new["password"])
        joining = client.post("/v1/tokens", {"kind": "edge", "name": "e1"})["token"]
        self.secrets.append(joining.removeprefix("pgj1."))
        made = client.post("/v1/acme/keys", {"name": "db1", "dns": ["db1.test"]})
        self.secrets.append(made["hmac_key"])
        self._machine(joining)
        self._traced()
        client.post("/v1/logout")

    def _machine(self, joining):
        key = keys.generate()
        self.secrets.append(keys.to_pem(key, None).decode().splitlines()[1])
        body = {"token": joining, "csr": csr.make(key).decode(), "advertise": "e1.test:1"}
        with ApiClient.of(self.trust) as client:
            made = client.post("/v1/enroll", body)
        chain = pem.split("".join([made["certificate"], *made["chain"]]).encode())
        with ApiClient.of(self.trust, prover=MachineProver(key, chain)) as client:
            client.get("/v1/edge/snapshot")
            client.post("/v1/machine/renew", {"csr": csr.make(keys.generate()).decode()})

    def _traced(self):
        """Ask with a trace, and with the token in the address, which belongs into no log either."""
        url = f"{self.trust.ca_url}/v1/me?token={self.token}"
        made = proof.make(self.key, "GET", url, now=datetime.now(UTC), token="pgs1.other")
        self.secrets.append(made)
        headers = {
            "DPoP": made,
            "Authorization": "DPoP pgs1.other",
            "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
        }
        answer = httpx2.get(url, headers=headers, verify=self.context)
        assert answer.status_code == 401
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
        self.traced_id = answer.headers["x-request-id"]


@pytest.fixture
def observed(start_ca, collector):
    environment = os.environ | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    options = ("--metrics", "127.0.0.1:0", "--log-format", "json", "--traces", "otlp")
    return start_ca(*options, env=environment)


def test_a_whole_run_is_told_without_a_secret(observed, collector):
    ca, run = observed, Run(observed)
    metrics = scrape(ca)
    assert ca.stop() == 0
    log = ca.messages()
    for secret in run.secrets:
        assert secret not in log
        assert secret not in metrics
        assert secret.encode() not in collector.raw
    check_logs([json.loads(line) for line in log.splitlines()], run.traced_id)
    check_metrics(metrics)
    check_spans(collector.spans)


@pytest.mark.soak
def test_nor_does_it_tell_one_when_it_tells_everything(start_ca, ca_directory):
    settings = Settings.load(ca_directory)
    chatty = replace(settings, logging=replace(settings.logging, level="debug"))
    (ca_directory / FILE).write_text(chatty.dump(), encoding="utf-8")
    ca = start_ca()
    run = Run(ca)
    assert ca.stop() == 0
    log = ca.messages()
    assert log.count("\n") > 5
    assert [secret for secret in run.secrets if secret in log] == []


def check_logs(records, traced_id):
    said = [record["message"] for record in records if record["event"] == "log"]
    assert any(message.startswith("Acme serves https://localhost:") for message in said)
    requests = [record for record in records if record["event"] == "request"]
    assert len({record["request_id"] for record in requests}) == len(requests)
    by_route = {(record["route"], record["status"]): record for record in requests}
    revoked = by_route["/v1/certificates/{serial}/revoke", 200]
    assert (revoked["actor"], revoked["client"]) == ("admin", "127.0.0.1")
    assert by_route["/v1/machine/renew", 200]["actor"] == "edge:e1"
    traced = by_route["/v1/me", 401]
    assert (traced["request_id"], traced["trace_id"]) == (traced_id, TRACE)
    assert (traced["actor"], traced["path"]) == (None, "/v1/me")
    assert {record["level"] for record in records} == {"info"}


def check_metrics(text):
    for line in (
        'pgward_ca_certificates_issued_total{kind="person"} 2.0',
        'pgward_ca_certificates_issued_total{kind="edge"} 2.0',
        'pgward_ca_certificates_refused_total{kind="person"} 1.0',
        'pgward_ca_certificates_revoked_total{reason="superseded"} 1.0',
        'pgward_ca_acts_total{action="session.start",outcome="denied"} 1.0',
        'pgward_ca_acts_total{action="session.start",outcome="ok"} 1.0',
        'pgward_ca_requests_total{method="GET",route="/v1/me",status="401"} 1.0',
        'pgward_ca_sign_seconds_count{what="person"} 2.0',
        "pgward_ca_edges_connected 1.0",
        "pgward_ca_sessions 0.0",
        "pgward_ca_store_up 1.0",
    ):
        assert line in text
    assert "pgward_ca_store_write_seconds_count" in text
    check_rules(text)


def check_rules(text):
    """See that every metric that the example's alerts name exists."""
    shown = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    shown |= {f"{name}{end}" for name in shown for end in ("_count", "_sum", "_bucket")}
    groups = yaml.safe_load(RULES.read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert {"alert", "expr", "labels", "annotations"} <= set(rule) <= {*rule, "for"}
    named = set(re.findall(r"\b(?:pgward_ca|process)_\w+", RULES.read_text()))
    assert named
    assert named <= shown


def check_spans(spans):
    by_name = {span.name: span for span in spans}
    issued, signed = by_name["POST /v1/certificates/login"], by_name["sign"]
    requests = {span.span_id for span in spans if span.name.startswith(("POST /", "GET /"))}
    assert signed.parent_span_id in requests
    assert signed.trace_id in {span.trace_id for span in spans if span.span_id in requests}
    assert issued.kind == issued.SPAN_KIND_SERVER
    assert by_name["GET /v1/me"].trace_id.hex() == TRACE
    assert "store.write" in by_name
