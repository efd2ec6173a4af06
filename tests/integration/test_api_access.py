"""Who may call what: a table with a row for every route, so that a new route needs one."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.routing import APIRoute

from tests.fixtures import page_routes
from tests.fixtures.ca_service import SERVICE, request_pem

pytestmark = pytest.mark.integration
Caller = Callable[..., Any]

# For each route: a body that is fine, and the status for
# nobody, a person, an administrator, an edge, a PostgreSQL host; and a connector, which may do
# what edges and hosts both may, unless a sixth says otherwise.
PUBLIC, PERSON, ADMIN, MACHINE, EDGE, HOST = (
    (200, 200, 200, 200, 200),
    (401, 200, 200, 401, 401),
    (401, 403, 200, 401, 401),
    (401, 403, 403, 200, 200),
    (401, 403, 403, 200, 403),
    (401, 403, 403, 403, 200),
)
CSR = {"csr": request_pem()}
TABLE = {
    "GET /healthz": (PUBLIC, None),
    "GET /readyz": (PUBLIC, None),
    "GET /v1/health": (PUBLIC, None),
    "GET /v1/trust": (PUBLIC, None),
    "GET /v1/crls": (PUBLIC, None),
    "GET /v1/crls/user-root.crl": (PUBLIC, None),
    "GET /v1/crls/user-root.pem": (PUBLIC, None),
    "GET /v1/certs/user-root.crt": (PUBLIC, None),
    "GET /v1/certs/user-root.pem": (PUBLIC, None),
    "POST /ocsp": (PUBLIC, None),
    "GET /ocsp/AAAA": (PUBLIC, None),
    "GET /v1/login": (PUBLIC, None),
    # These ask for a password, a flow and a join token themselves.
    "POST /v1/login": ((403,) * 5, {"user": "nobody", "password": "not the password"}),
    "POST /v1/login/continue": ((403,) * 5, {"flow": "unknown", "answer": {}}),
    "POST /v1/login/oidc/none/backchannel-logout": ((400,) * 5, None),
    "POST /v1/enroll": ((403,) * 5, {"token": "unknown"} | CSR),
    "GET /v1/me": (PERSON, None),
    "POST /v1/logout": (PERSON, None),
    "POST /v1/me/password": (
        (401, 403, 403, 401, 401),
        {"old": "not the password", "new": "another good one"},
    ),
    "GET /v1/me/mfa": (PERSON, None),
    "POST /v1/me/mfa/totp": (PERSON, None),
    "POST /v1/me/mfa/totp/confirm": ((401, 422, 422, 401, 401), {}),
    "POST /v1/me/mfa/recovery-codes": ((401, 422, 422, 401, 401), {"none": 1}),
    "POST /v1/me/mfa/remove": ((401, 422, 422, 401, 401), {}),
    "POST /v1/me/posture": ((401, 422, 422, 401, 401), {"posture": {}}),
    "GET /v1/me/step-up": ((401, 422, 422, 401, 401), None),
    "POST /v1/me/step-up": ((401, 404, 404, 401, 401), {"service": "nothing"}),
    "POST /v1/me/step-up/continue": ((401, 403, 403, 401, 401), {"flow": "unknown", "answer": {}}),
    "GET /v1/me/passkeys": (PERSON, None),
    "POST /v1/me/passkeys": ((401, 422, 422, 401, 401), {"name": "x", "redirect_uri": "no"}),
    "POST /v1/me/passkey-attestations": (
        (401, 403, 403, 401, 401),
        {"flow": "unknown", "answer": {"code": "", "state": ""}},
    ),
    "PATCH /v1/me/passkeys/KEY": ((401, 404, 404, 401, 401), {"name": "x"}),
    "DELETE /v1/me/passkeys/KEY": ((401, 404, 404, 401, 401), None),
    "GET /v1/users/bob/passkeys": (ADMIN, None),
    "DELETE /v1/users/bob/passkeys": (ADMIN, None),
    "DELETE /v1/users/bob/passkeys/KEY": ((401, 403, 404, 401, 401), None),
    "POST /v1/certificates/login": (PERSON, CSR),
    "GET /v1/services": (PERSON, None),
    "POST /v1/me/policies": ((401, 404, 404, 401, 401), {"service": "nothing"}),
    "GET /v1/me/devices": (PERSON, None),
    "POST /v1/me/devices/approve": ((401, 404, 404, 401, 401), {"device": "ABCD-2345"}),
    "POST /v1/me/devices/dev/revoke": ((401, 404, 404, 401, 401), None),
    "PATCH /v1/me/devices/dev": ((401, 404, 404, 401, 401), {"name": "laptop"}),
    "POST /v1/me/device-tokens": ((401, 201, 201, 401, 401), {}),
    "GET /v1/me/logins": (PERSON, None),
    "DELETE /v1/me/logins": (PERSON, None),
    "DELETE /v1/me/logins/sess": ((401, 404, 404, 401, 401), None),
    "GET /v1/users/bob/devices": (ADMIN, None),
    "POST /v1/users/bob/devices/approve": ((401, 403, 404, 401, 401), {"device": "ABCD-2345"}),
    "POST /v1/users/bob/devices/dev/revoke": ((401, 403, 404, 401, 401), None),
    "PATCH /v1/users/bob/devices/dev": ((401, 403, 404, 401, 401), {"name": "laptop"}),
    "POST /v1/users/bob/device-tokens": ((401, 403, 201, 401, 401), {}),
    "GET /v1/users/bob/logins": (ADMIN, None),
    "DELETE /v1/users/bob/logins": (ADMIN, None),
    "DELETE /v1/users/bob/logins/sess": ((401, 403, 404, 401, 401), None),
    "POST /v1/me/otp": ((401, 404, 404, 401, 401), {"service": "nothing"}),
    "POST /v1/me/tokens": ((401, 404, 404, 401, 401), {"service": "nothing"}),
    "GET /v1/me/tokens": (PERSON, None),
    "DELETE /v1/me/tokens/tok": ((401, 404, 404, 401, 401), None),
    "GET /v1/users/bob/tokens": (ADMIN, None),
    "DELETE /v1/users/bob/tokens/tok": ((401, 403, 404, 401, 401), None),
    "GET /v1/secrets": (ADMIN, None),
    "POST /v1/secrets": ((401, 403, 201, 401, 401), {"name": "db", "value": "c2VjcmV0"}),
    "POST /v1/secrets/none/rotate": ((401, 403, 404, 401, 401), {"value": "c2VjcmV0"}),
    "GET /v1/secrets/none/versions": ((401, 403, 404, 401, 401), None),
    "POST /v1/secrets/none/recover": ((401, 403, 404, 401, 401), {"version": 1}),
    "DELETE /v1/secrets/none": ((401, 403, 404, 401, 401), None),
    "POST /v1/secret-key/rotate": (ADMIN, None),
    "POST /v1/recording-key/rotate": (ADMIN, None),
    "GET /v1/users": (ADMIN, None),
    "POST /v1/users": ((401, 403, 201, 401, 401), {"name": "carol"}),
    "GET /v1/users/bob": (ADMIN, None),
    "PATCH /v1/users/bob": (ADMIN, {"full_name": "Bob"}),
    "DELETE /v1/users/bob": (ADMIN, None),
    "POST /v1/users/bob/block": (ADMIN, {"reason": "left"}),
    "POST /v1/users/bob/unblock": (ADMIN, None),
    "POST /v1/users/bob/password": (ADMIN, {"password": "another good one"}),
    "POST /v1/users/bob/mfa/reset": (ADMIN, None),
    "POST /v1/identity-providers": ((401, 403, 422, 401, 401), {"name": "corp", "spec": {}}),
    "GET /v1/identity-providers/none": ((401, 403, 404, 401, 401), None),
    "DELETE /v1/identity-providers/none": ((401, 403, 404, 401, 401), None),
    "POST /v1/identity-providers/none/test": ((401, 403, 404, 401, 401), None),
    "PUT /v1/identity-providers/none/secret": ((401, 403, 404, 401, 401), {"secret": "x" * 20}),
    "POST /v1/identity-providers/none/links": (
        (401, 403, 404, 401, 401),
        {"user": "bob", "subject": "s"},
    ),
    "DELETE /v1/identity-providers/none/links/nobody": ((401, 403, 404, 401, 401), None),
    "GET /v1/groups": (ADMIN, None),
    "POST /v1/groups/dba/members": (ADMIN, {"add": ["bob"]}),
    "POST /v1/resources": (ADMIN, {}),
    "GET /v1/resources/Service": (ADMIN, None),
    "GET /v1/resources/Service/orders": ((401, 403, 404, 401, 401), None),
    "PUT /v1/resources/Service/orders": (ADMIN, SERVICE),
    "DELETE /v1/resources/Service/orders": ((401, 403, 404, 401, 401), None),
    "GET /v1/resources/Service/orders/history": ((401, 403, 404, 401, 401), None),
    "POST /v1/resources/Service/orders/rollback": ((401, 403, 404, 401, 401), {}),
    "GET /v1/resources/Service/orders/description": ((401, 403, 404, 401, 401), None),
    "POST /v1/policies/cases": ((401, 403, 422, 401, 401), {"documents": []}),
    "POST /v1/policies/explanations": (
        (401, 403, 404, 401, 401),
        {"user": {"name": "bob"}, "service": "nothing"},
    ),
    "GET /v1/schemas": (PERSON, None),
    "GET /v1/schemas/Service": (PERSON, None),
    "POST /v1/tokens": ((401, 403, 201, 401, 401), {"kind": "edge", "name": "e9"}),
    "GET /v1/certificates": (ADMIN, None),
    "POST /v1/certificates/revoke": (
        (401, 403, 404, 401, 401),
        {"kind": "person", "name": "nobody-here"},
    ),
    "POST /v1/certificates/abc/revoke": ((401, 403, 404, 401, 401), {"reason": ""}),
    "GET /v1/certificates/ffff": ((401, 404, 404, 401, 401), None),
    "GET /v1/me/certificates": (PERSON, None),
    "GET /v1/log/head": (PUBLIC, None),
    "GET /v1/log/entries": (PERSON, None),
    "GET /v1/log/proof/consistency": ((422,) * 5, None),
    "GET /v1/log/proof/inclusion": ((401, 422, 422, 401, 401), None),
    "GET /v1/rotations": (ADMIN, None),
    "POST /v1/rotations/none/advance": ((401, 403, 404, 401, 401), {}),
    "POST /v1/rotations/none/rollback": ((401, 403, 404, 401, 401), {}),
    "GET /v1/acme/accounts": (ADMIN, None),
    "POST /v1/acme/accounts/acct/revoke": ((401, 403, 404, 401, 401), {}),
    "GET /v1/acme/keys": (ADMIN, None),
    # This application has no key for ACME.
    "POST /v1/acme/keys": (
        (401, 403, 503, 401, 401),
        {"name": "key1", "dns": ["db1.example.com"]},
    ),
    "POST /v1/acme/keys/none/revoke": ((401, 403, 404, 401, 401), {}),
    "GET /v1/edges": (ADMIN, None),
    "DELETE /v1/edges/e9": ((401, 403, 404, 401, 401), None),
    "GET /v1/hosts": (ADMIN, None),
    "DELETE /v1/hosts/e9": ((401, 403, 404, 401, 401), None),
    "GET /v1/access/offers": (PERSON, None),
    "POST /v1/access/requests": ((401, 404, 404, 401, 401), {"service": "nothing"}),
    "GET /v1/access/requests": (PERSON, None),
    "GET /v1/access/requests/ffff": ((401, 404, 404, 401, 401), None),
    "GET /v1/access/requests/ffff/plan": ((401, 404, 404, 401, 401), None),
    "POST /v1/access/requests/ffff/plan": ((401, 404, 404, 401, 401), {}),
    "POST /v1/access/requests/ffff/approve": ((401, 404, 404, 401, 401), {}),
    "POST /v1/access/requests/ffff/deny": ((401, 404, 404, 401, 401), {}),
    "POST /v1/access/requests/ffff/cancel": ((401, 404, 404, 401, 401), {}),
    "POST /v1/access/requests/ffff/revoke": ((401, 404, 404, 401, 401), {}),
    "POST /v1/access/requests/ffff/extend": ((401, 404, 404, 401, 401), {"seconds": 60}),
    "POST /v1/access/requests/ffff/acknowledge": ((401, 404, 404, 401, 401), {}),
    "GET /v1/access/grants": (PERSON, None),
    "GET /v1/access/report": (ADMIN, None),
    "POST /v1/access/reviews": ((401, 403, 201, 401, 401), {"name": "q4"}),
    "GET /v1/access/reviews": (PERSON, None),
    "GET /v1/access/reviews/none": ((401, 404, 404, 401, 401), None),
    "GET /v1/access/reviews/none/items": ((401, 404, 404, 401, 401), None),
    "POST /v1/access/reviews/none/confirm": ((401, 404, 404, 401, 401), {"items": [1]}),
    "POST /v1/access/reviews/none/end": ((401, 404, 404, 401, 401), {"items": [1]}),
    "POST /v1/access/reviews/none/close": ((401, 403, 404, 401, 401), {}),
    "GET /v1/connector/wanted": ((401, 403, 403, 200, 403, 200), None),
    "POST /v1/connector/report": ((401, 403, 403, 422, 403, 422), {}),
    "POST /v1/connector/secret": ((401, 403, 403, 403, 403, 403), {"integration": "none"}),
    "POST /v1/connector/certificate": (
        (401, 403, 403, 403, 403, 403),
        {"integration": "none", "csr": "x"},
    ),
    "POST /v1/connector/plan": ((401, 403, 403, 422, 403, 422), {}),
    "GET /v1/connectors": (ADMIN, None),
    "DELETE /v1/connectors/e9": ((401, 403, 404, 401, 401), None),
    "GET /v1/audit": (ADMIN, None),
    "GET /v1/audit/records": (ADMIN, None),
    "GET /v1/audit/chains": (ADMIN, None),
    "GET /v1/audit/chunks": (ADMIN, None),
    "GET /v1/audit/chunks/edge1/00112233445566ff/1": ((401, 403, 404, 401, 401), None),
    "GET /v1/database-sessions": (ADMIN, None),
    "GET /v1/database-sessions/none-such": ((401, 403, 404, 401, 401), None),
    "GET /v1/database-sessions/none-such/recording": ((401, 403, 404, 401, 401), None),
    "GET /v1/database-sessions/none-such/records": ((401, 403, 404, 401, 401), None),
    "GET /v1/database-sessions/none-such/playback": ((401, 403, 404, 401, 401), None),
    "GET /v1/database-sessions/none-such/timeline": ((401, 403, 404, 401, 401), None),
    "GET /v1/me/database-sessions": (PERSON, None),
    "GET /v1/me/database-sessions/none-such": ((401, 404, 404, 401, 401), None),
    "GET /v1/me/database-sessions/none-such/records": ((401, 404, 404, 401, 401), None),
    "POST /v1/me/database-sessions/none-such/end": ((401, 404, 404, 401, 401), {}),
    "POST /v1/database-sessions/none-such/end": ((401, 403, 404, 401, 401), {"force": True}),
    "PUT /v1/edges/self/audit/00112233445566ff/1": ((401, 403, 403, 422, 403), None),
    f"PUT /v1/edges/self/recordings/{'0' * 64}": ((401, 403, 403, 422, 403), None),
    "POST /v1/machine/renew": (MACHINE, CSR),
    "GET /v1/machine/orders": (MACHINE, None),
    "POST /v1/machine/probes": ((401, 403, 403, 422, 422), {}),
    "POST /v1/machine/proofs": ((401, 403, 403, 403, 200), CSR),
    "POST /v1/machine/reports": ((401, 403, 403, 422, 422), {}),
    "GET /v1/edge/snapshot": (EDGE, None),
    "POST /v1/edge/standings": (EDGE, {}),
    "POST /v1/edge/databases": ((401, 403, 403, 422, 403), {"none": 1}),
    "GET /v1/edges/e9/databases": ((401, 403, 404, 401, 401), None),
    "POST /v1/edge/events": (EDGE, {"events": []}),
    # The edge serves nothing that would let it have these.
    "POST /v1/edges/self/otp/redeem": ((401, 403, 403, 403, 403), {"otp_sha256": "0" * 64}),
    "GET /v1/edges/self/tokens/tok": ((401, 403, 403, 403, 403), None),
    "POST /v1/edges/self/tokens/tok/uses": ((401, 403, 403, 403, 403), {}),
    "POST /v1/edges/self/logins": (EDGE, {}),
    "GET /v1/edges/self/login?service=none&user=none": ((401, 403, 403, 403, 403), None),
    "GET /v1/edges/self/secrets/none": ((401, 403, 403, 403, 403), None),
    "POST /v1/edges/self/certificates": (
        (401, 403, 403, 403, 403),
        {"service": "none", "user": "bob", "role": "app"} | CSR,
    ),
    "POST /v1/edges/self/passwords": (
        (401, 403, 403, 403, 403),
        {"service": "none", "user": "bob", "role": "app"},
    ),
    "POST /v1/connector/passwords": (
        (401, 403, 403, 403, 403),
        {"integration": "gone", "passwords": {"app": 1}},
    ),
    "GET /v1/catalog": (ADMIN, None),
    "GET /v1/catalog/gone": ((401, 403, 404, 401, 401), None),
    "GET /v1/catalog/gone/objects": ((401, 403, 404, 401, 401), None),
    "GET /v1/catalog/gone/roles": ((401, 403, 404, 401, 401), None),
    "GET /v1/catalog/gone/grants": ((401, 403, 404, 401, 401), None),
    "POST /v1/catalog/gone/refresh": ((401, 403, 404, 401, 401), {}),
    # Only the connector of an integration may tell of it.
    "POST /v1/connector/catalog": (
        (401, 403, 403, 403, 403),
        {
            "integration": "gone",
            "taken_at": "2026-11-22T12:00:00Z",
            "seconds": 1,
            "server_version": 16,
            "databases": {},
        },
    ),
    "POST /v1/connector/accounts/begin": (
        (401, 403, 403, 403, 403),
        {"integration": "gone", "user": "app"},
    ),
    "POST /v1/connector/accounts/end": (
        (401, 403, 403, 403, 403),
        {"integration": "gone", "user": "app", "version": 2},
    ),
    "GET /v1/accounts": (ADMIN, None),
    "POST /v1/secrets/none/change": ((401, 403, 404, 401, 401), {}),
    "POST /v1/connector/catalog-failure": (
        (401, 403, 403, 403, 403),
        {"integration": "gone", "failure": "away"},
    ),
    f"PUT /v1/connector/catalog/gone/{'0' * 64}": ((401, 403, 403, 403, 403), None),
    "GET /v1/audit/events": (ADMIN, None),
    "GET /v1/audit/events/facets": (ADMIN, None),
    "GET /v1/audit/events/999999": ((401, 403, 404, 401, 401), None),
    "GET /v1/audit/numbers": (ADMIN, None),
    "GET /v1/audit/checks": (ADMIN, None),
    "POST /v1/audit/checks": ((401, 403, 202, 401, 401), {}),
    "GET /v1/audit/searches": (ADMIN, None),
    "PUT /v1/audit/searches/none": ((401, 403, 422, 401, 401), {}),
    "DELETE /v1/audit/searches/none": ((401, 403, 404, 401, 401), None),
    "GET /v1/devices": (ADMIN, None),
    "GET /v1/expiries": (ADMIN, None),
    "GET /v1/integrations/gone/check": ((401, 403, 404, 401, 401), None),
    "POST /v1/integrations/gone/check": ((401, 403, 404, 401, 401), {}),
    "POST /v1/connector/check": ((401, 403, 403, 422, 403, 422), {}),
    "GET /v1/invitations": (ADMIN, None),
    "POST /v1/users/bob/invitation": ((401, 403, 201, 401, 401), {}),
    "DELETE /v1/users/bob/invitation": ((401, 403, 404, 401, 401), None),
    "GET /v1/people": (ADMIN, None),
    "GET /v1/users/bob/mfa": (ADMIN, None),
    "GET /v1/host/news": (HOST, None),
    "POST /v1/host/standings": (HOST, {}),
    "POST /v1/host/events": (HOST, {"events": []}),
    "GET /v1/host/roles": (HOST, None),
}
ASKING = ("nobody", "person", "administrator", "edge", "host", "connector")


def _template(path: str) -> str:
    """Put the parameters back that the table fills in; leave a query out."""
    path = path.partition("?")[0].replace("0" * 64, "{sha256}")
    for value, parameter in {
        "user-root": "{name}",
        "AAAA": "{encoded}",
        "bob": "{name}",
        "edge1/": "{edge}/",
        "00112233445566ff/1": "{chain}/{first_seq}",
        "none-such": "{session}",
        "999999": "{seq}",
        "devices/dev": "devices/{device}",
        "/sess": "/{session}",
        "tokens/tok": "tokens/{token_id}",
        "Service/orders": "Service/{name}",
        "e9": "{name}",
        "dba": "{name}",
        "abc": "{serial}",
        "requests/ffff": "requests/{request_id}",
        "ffff": "{name}",
        "none": "{name}",
        "links/nobody": "links/{user}",
        "acct": "{account_id}",
        "gone": "{integration}",
        "KEY": "{key}",
        "Service": "{kind}",
    }.items():
        path = path.replace(value, parameter)
    return path


def test_the_table_has_every_route(app):
    schema = app.openapi()
    found = {
        f"{method.upper()} {path}"
        for path, methods in schema["paths"].items()
        for method in methods
    }
    assert found == {_template(row) for row in TABLE}


def test_no_route_is_hidden_from_the_description(app):
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    hidden = [route for route in routes if not route.include_in_schema]
    # Pages are for browsers; what they send must come from a page of ours.
    assert {route.endpoint.__module__.split(".")[1] for route in hidden} == {"portal"}
    assert not [route.path for route in hidden if route.path.startswith("/v1")]
    plain = {getattr(route, "path", None) for route in app.routes if route not in routes}
    # ACME has a description of its own, RFC 8555, and access rules of its own.
    assert plain <= {"/v1/openapi.json", "/acme", None, ""}


def _changes(row: str) -> bool:
    """Tell whether a caller may change what the next one meets."""
    return not row.startswith("GET ") and min(TABLE[row][0]) < 400


@pytest.fixture
def callers(api, admin) -> dict[str, Caller]:
    api.add("bob")
    api.add("plain")
    return {
        "nobody": api.call,
        "person": api.device("plain").call,
        "administrator": admin.call,
        "edge": api.machine(admin, "edge", "e1").call,
        "host": api.machine(admin, "host", "h1").call,
        "connector": api.machine(admin, "connector", "c1").call,
    }


def answers(callers: dict[str, Caller], row: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return what each kind of caller got, and what the table says."""
    (method, path), (expected, body) = row.replace("KEY", "0" * 64).split(), TABLE[row]
    if len(expected) < len(ASKING):
        edge, host = expected[-2:]
        expected = (*expected, edge if edge == host else 403)
    found = {}
    for who in ASKING:
        if row.startswith("POST /v1/login") and who != "nobody":
            continue  # who else one is plays no part
        found[who] = callers[who](method, path, body).status_code
    told = zip(ASKING, expected, strict=True)
    return found, {who: status for who, status in told if who in found}


@pytest.mark.parametrize("row", [*filter(_changes, TABLE)])
def test_each_route_answers_each_kind_of_caller_as_the_table_says(callers, row):
    found, expected = answers(callers, row)
    assert found == expected


def test_so_does_each_that_changes_nothing(app, callers):
    page_routes.without_limits(app)
    told = {row: answers(callers, row) for row in TABLE if not _changes(row)}
    assert {row: found for row, found in told.items() if found[0] != found[1]} == {}
