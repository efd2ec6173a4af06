from urllib.parse import urlsplit

from pgward.ca.login import way_back
from tests.fixtures.ca_service import PASSWORD


def test_who_is_blocked_meanwhile_is_sent_to_sign_in(web, api, admin):
    api.add("alice")
    web.sign_in("alice")
    assert admin.call("POST", "/v1/users/alice/block", {"reason": "left"}).status_code == 200
    assert web.open("/databases").path == "/sign-in"


def test_a_session_ends_at_its_time(web, api, clock):
    api.add("alice")
    web.sign_in("alice")
    clock.move(hours=13)
    assert web.open("/databases").path == "/sign-in"


def test_browsers_may_know_the_portal_by_a_name_of_its_own(web, api, monkeypatch):
    page = "https://login.example.com"
    monkeypatch.setattr(way_back, "origin", lambda _settings: page)
    api.add("alice")
    web.client.follow_redirects = False
    assert web.open("/sign-in?next=/requests").answer.headers["location"].startswith(page)
    host = urlsplit(page).netloc
    form = web.open("/sign-in", host=host).forms[0]
    sent = {**form.fields, "user": "alice", "password": PASSWORD}
    assert web.send("/sign-in", sent, host=host).status == 403
    answer = web.send("/sign-in", sent, host=host, Origin=page).answer
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
