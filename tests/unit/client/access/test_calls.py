import pytest

from pgward.client.access import calls
from pgward.client.access.offers import Wish
from pgward.client.api import ApiClient
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from tests.fixtures.asked import ID, grant, offer, request

OTHER = "4f0c12ffffffffff"


@pytest.fixture
def api(fake_ca, monkeypatch, tmp_path):
    monkeypatch.setenv("PGWARD_HOME", str(tmp_path))
    with ApiClient.of(fake_ca.trust) as opened:
        yield opened


@pytest.fixture
def listed(fake_ca):
    """Have the CA list these requests, whatever it is asked for."""

    def listed(*ids):
        found = [request(id=each) for each in ids]
        fake_ca.routes["GET /v1/access/requests"] = {"requests": found, "after": None}
        fake_ca.routes |= {
            f"GET /v1/access/requests/{each['id']}": {"request": each} for each in found
        }

    return listed


def test_offers_at_a_service(api, fake_ca):
    fake_ca.routes["GET /v1/access/offers"] = {"offers": [offer()]}
    assert calls.offers(api, "shop") == [offer()]
    assert fake_ca.requests[-1].url.params["service"] == "shop"
    calls.offers(api)
    assert "service" not in fake_ca.requests[-1].url.params


def test_a_request_is_found_by_the_beginning_of_its_id(api, fake_ca, listed):
    listed(ID)
    assert calls.find(api, "4f0c")["id"] == ID
    assert fake_ca.requests[-2].url.params["id_prefix"] == "4f0c"


def test_a_whole_id_is_that_request_though_others_begin_so(api, listed):
    listed(ID, f"{ID}ff")
    assert calls.find(api, ID)["id"] == ID


def test_a_beginning_of_several_ids(api, listed):
    listed(ID, OTHER)
    with pytest.raises(ConflictError, match=f"several requests begin with '4f0c12': {ID}, {OTHER}"):
        calls.find(api, "4f0c12")


def test_a_ca_that_lists_others_than_were_asked_for_leads_nowhere(api, listed):
    listed(ID)
    with pytest.raises(NotFoundError, match="there is no request 'ffff' for you"):
        calls.find(api, "ffff")


@pytest.mark.parametrize("text", ["", "../x", "a b", "é", "x" * 65])
def test_what_is_no_id_is_not_asked_for(api, fake_ca, text):
    with pytest.raises(InvalidInputError, match="is no request's id"):
        calls.find(api, text)
    assert fake_ca.calls == []


def test_asking_and_acting(api, fake_ca):
    fake_ca.routes["POST /v1/access/requests"] = {"request": request()}
    fake_ca.routes[f"POST /v1/access/requests/{ID}/cancel"] = {"request": request()}
    assert calls.ask(api, Wish("shop")) == request()
    assert calls.act(api, request(), "cancel", reason="") == request()


def test_long_lists_come_in_pages(api, fake_ca, monkeypatch):
    monkeypatch.setattr(calls, "PAGE", 2)
    asked = []

    def pages(_body):
        params = fake_ca.requests[-1].url.params
        asked.append((params["limit"], params.get("after")))
        number = len(asked)
        rows = [grant(id=f"{number}a"), grant(id=f"{number}b")]
        return {"grants": rows[: int(params["limit"])], "after": None if number > 2 else "next"}

    fake_ca.routes["GET /v1/access/grants"] = pages
    found, more = calls.grants(api, 5, state="live", user=None)
    assert ([each["id"] for each in found], more) == (["1a", "1b", "2a", "2b", "3a"], False)
    assert asked == [("2", None), ("2", "next"), ("1", "next")]
    asked.clear()
    found, more = calls.grants(api, 3)
    assert (len(found), more) == (3, True)
    assert "user" not in fake_ca.requests[-1].url.params
