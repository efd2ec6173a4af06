from dataclasses import replace

import pytest

from pgward.ca.limiting.buckets import Buckets, Rate
from pgward.ca.service import auth
from pgward.ca.service.replay import ReplayCache
from pgward.core.errors import LoginNeededError
from pgward.pki import proof
from pgward.pki.errors import ProofError
from tests.fixtures.ca_service import PASSWORD, URL, Device


@pytest.mark.parametrize("header", ["DPoP abc", "dpop abc", "DPOP  abc "])
def test_the_scheme_is_read_in_any_case(header):
    assert auth._token(header) == "abc"


@pytest.mark.parametrize("header", [None, "", "Bearer abc", "DPoPabc"])
def test_other_headers_are_no_login(header):
    with pytest.raises(LoginNeededError):
        auth._token(header)


@pytest.mark.parametrize("ahead", [0, 59.9, -60])
def test_a_minute_either_way_is_fine(ahead):
    auth._check_age(ahead)


@pytest.mark.parametrize(
    ("ahead", "said"), [(61, "61 s ahead of the authority's"), (-61, "61 s behind the authority's")]
)
def test_more_is_told_as_the_difference(ahead, said):
    with pytest.raises(ProofError, match=said):
        auth._check_age(ahead)


def made(device, path="/v1/me", token=None):
    return proof.make(device.key, "GET", URL + path, now=device.api.clock.now(), token=token)


def test_strangers_push_no_proof_out_of_memory(api, app, alice):
    app.state.context = replace(app.state.context, replay=ReplayCache(121, limit=2))
    token = {"Authorization": f"DPoP {alice.token}"}
    used = token | {"DPoP": made(alice, token=alice.token)}
    assert api.call("GET", "/v1/me", **used).status_code == 200
    for _ in range(4):
        stranger = Device(api)
        stranger.token = "pgs1.unknown"
        assert stranger.call("GET", "/v1/me").status_code == 401
        stranger.token = alice.token  # with a key that it is not bound to
        assert stranger.call("GET", "/v1/me").status_code == 403
        assert Device(api).login("nobody").status_code == 403
    again = api.call("GET", "/v1/me", **used)
    assert again.json()["error"]["message"] == "the proof of possession was used before"


def test_a_proof_is_good_once_for_logging_in_as_well(api):
    device = Device(api)
    header = {"DPoP": proof.make(device.key, "POST", f"{URL}/v1/login", now=api.clock.now())}
    body = {"user": "root", "password": PASSWORD}
    assert api.call("POST", "/v1/login", body, **header).status_code == 200
    assert api.call("POST", "/v1/login", body, **header).status_code == 403


def test_a_machine_s_proof_is_good_once(api, edge):
    now = api.clock.now()
    url = f"{URL}/v1/machine/orders"
    header = {"DPoP": proof.make(edge.key, "GET", url, now=now, chain=edge.chain)}
    found = [api.call("GET", "/v1/machine/orders", **header).status_code for _ in range(2)]
    assert found == [200, 403]


def test_who_is_refused_again_and_again_fills_neither_the_disk_nor_the_writer_s_time(
    api, app, admin, edge
):
    limits = app.state.context.limits
    limits._refusals = Buckets(Rate(1 / 60, 2))
    admin.call("DELETE", "/v1/edges/e1")
    found = [edge.call("GET", "/v1/edge/snapshot").status_code for _ in range(4)]
    assert found == [403, 403, 429, 429]
    refused = [e for e in api.events() if e["action"] == "request.refuse"]
    assert len(refused) == 2
