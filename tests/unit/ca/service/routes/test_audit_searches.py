import pytest

PATH = "/v1/audit/searches"
BODY = {"page": "events", "query": "action=session.start"}


@pytest.fixture
def otto(api):
    api.add("otto", "auditors")
    return api.device("otto")


def test_an_auditor_keeps_searches_of_their_own(otto, admin):
    kept = otto.call("PUT", f"{PATH}/failed%20logins", BODY)
    assert kept.status_code == 200, kept.text
    expected = {**BODY, "name": "failed logins", "saved_at": "2026-11-21T12:00:00Z"}
    assert otto.call("GET", PATH).json() == kept.json() == {"searches": [expected]}
    assert admin.call("GET", PATH).json() == {"searches": []}
    refused = admin.call("DELETE", f"{PATH}/failed%20logins")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert otto.call("DELETE", f"{PATH}/failed%20logins").json() == {"searches": []}


@pytest.mark.parametrize(
    "body", [{}, {"page": "elsewhere"}, {**BODY, "query": "a b"}, {**BODY, "query": "a" * 2001}]
)
def test_what_is_no_search_is_refused(otto, body):
    answer = otto.call("PUT", f"{PATH}/x", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", "/x"), ("DELETE", "/x")])
def test_other_people_keep_none(alice, method, path):
    answer = alice.call(method, PATH + path, BODY if method == "PUT" else None)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "only an auditor may do this",
    )
