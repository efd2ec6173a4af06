"""What people try against portals, each told by its name in OWASP's lists."""

import pytest

from pgward.portal.web import assets
from pgward.portal.web.browser import BROWSER, SESSION
from tests.fixtures.ca_service import PASSWORD, URL
from tests.fixtures.web_person import WebPerson

HOSTS = ("evil.example", "localhost:8443.evil.example", "localhost:8443@evil.example", "[::1", "")
AWAY = (
    *("//evil.example", "/\\evil.example", "https://evil.example", "\\\\evil.example"),
    *(
        "/%2f/evil.example",
        "javascript:alert(1)",
        "/\tevil.example",
        "/sign-out",
        " //evil.example",
    ),
    *(
        "https:evil.example",
        "/me\r\nLocation: https://evil.example",
        "//localhost:8443@evil.example",
    ),
)
OUTSIDE = (
    *("/static/../pgward.toml", "/static/..%2f..%2fpgward.toml", "/static/%2e%2e/portal.py"),
    *("/static/....//portal.css", "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/"),
    *("/static/portal.css", "/static/..\\..\\x", "/static/portal.0000000000000000.css"),
)


def gone_to(web: WebPerson) -> str:
    """Return where the last page is, with its host."""
    return str(web.page.answer.url)


def test_session_fixation_a_session_that_was_there_before_is_none_after(web, api):
    api.add("alice")
    web.open("/sign-in")
    planted = "pgs1." + "A" * 43
    web.client.cookies.set(SESSION, planted, domain="localhost.local", path="/")
    web.sign_in("alice")
    mine = [each.value for each in web.client.cookies.jar if each.name == SESSION]
    assert planted not in mine
    assert len(mine) == 1


def test_a_session_that_was_signed_out_is_gone_where_it_matters(web, api, app):
    api.add("alice")
    web.sign_in("alice")
    before = {each: web.client.cookies[each] for each in (SESSION, BROWSER)}
    web.press("Sign out")
    copied = WebPerson(app)
    for name, value in before.items():
        copied.client.cookies.set(name, value)
    assert copied.open("/me").path == "/sign-in"


def test_who_is_blocked_or_no_administrator_any_more_is_out_at_the_next_page(web, api, admin):
    api.add("alice", "administrators")
    web.sign_in("alice")
    assert web.open("/admin").status == 200
    answer = admin.call("PATCH", "/v1/users/alice", {"groups": []})
    assert answer.status_code == 200, answer.text
    assert web.open("/admin").status == 403
    assert admin.call("POST", "/v1/users/alice/block", {"reason": "left"}).status_code == 200
    assert web.open("/me").path == "/sign-in"


@pytest.mark.parametrize("host", HOSTS)
def test_host_header_injection_no_other_name_is_believed(web, api, host):
    api.add("alice")
    web.sign_in("alice")
    for path in ("/", "/sign-in", "/me", "/databases"):
        answer = web.client.get(path, headers={"Host": host}, follow_redirects=False)
        assert "evil" not in answer.headers.get("location", "")
        assert "evil" not in answer.text
    sent = {"Host": host, "Origin": f"https://{host}", "Sec-Fetch-Site": "same-origin"}
    csrf = web.open("/me").forms[0].fields["csrf"]
    answer = web.client.post("/sign-out", data={"csrf": csrf}, headers=sent)
    assert answer.status_code in {403, 422}
    assert web.open("/me").path == "/me"


def test_forwarded_names_are_nobodys_word(web, api):
    api.add("alice")
    page = web.open("/sign-in", **{"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil"})
    assert "evil" not in page.answer.text
    assert web.open("/me", **{"X-Original-URL": "/admin"}).path == "/sign-in"


@pytest.mark.parametrize("path", AWAY)
def test_open_redirects_a_sign_in_leads_to_a_page_of_ours(web, api, path):
    api.add("alice")
    web.client.get("/sign-in", params={"next": path})
    form = web.open("/sign-in").forms[0]
    sent = {**form.fields, "user": "alice", "password": PASSWORD, "next": path}
    web.send("/sign-in", sent)
    assert web.page.answer.history[0].status_code == 303
    assert gone_to(web).startswith(f"{URL}/")


@pytest.mark.parametrize("path", OUTSIDE)
def test_path_traversal_assets_are_those_that_there_are(web, path):
    assert web.open(path).status == 404


def test_assets_are_served_as_what_they_are_and_to_anybody(web):
    for each in assets.every().values():
        answer = web.client.get(each.path)
        assert (answer.status_code, answer.content) == (200, each.content)
        assert answer.headers["content-type"] == each.media_type
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "immutable" in answer.headers["cache-control"]
        assert "set-cookie" not in answer.headers


def test_brute_force_wrong_passwords_are_slowed_down(web, api):
    api.add("alice")
    told = []
    for _ in range(12):
        web.open("/sign-in")
        told.append(web.press("Sign in", user="alice", password="wrong").text)
    assert "Wrong user name or password." in told[9]
    assert "Too many failed attempts." in told[10]
    web.open("/sign-in")
    assert "Too many failed attempts." in web.press("Sign in", user="alice", password=PASSWORD).text


def test_enumeration_a_wrong_name_reads_as_a_wrong_password(web, api):
    api.add("alice")
    told = []
    for user in ("alice", "nobody-here"):
        web.open("/sign-in")
        page = web.press("Sign in", user=user, password="wrong")
        told.append((page.status, page.text.replace(user, "USER")))
    assert told[0] == told[1]


def test_cors_nothing_is_said_to_other_sites(web, api):
    api.add("alice")
    web.sign_in("alice")
    for path in ("/me", "/sign-in", "/v1/health"):
        page = web.open(path, Origin="https://evil.example")
        named = [each for each in page.answer.headers if each.startswith("access-control-")]
        assert named == []


def test_credentials_of_a_browser_open_nothing_of_the_api(web, api):
    api.add("alice")
    web.sign_in("alice")
    token = web.client.cookies[SESSION]
    assert web.client.get("/v1/me").status_code == 401
    for scheme in ("Bearer", "DPoP"):
        answer = web.client.get("/v1/me", headers={"Authorization": f"{scheme} {token}"})
        assert answer.status_code in {401, 403}


def test_passwords_and_tokens_come_in_bodies_only(web, api):
    api.add("alice")
    for name in ("user=alice&password=" + PASSWORD, "csrf=x", "token=x"):
        page = web.open(f"/sign-in?{name}")
        assert PASSWORD not in page.answer.text
        assert web.open("/me").path == "/sign-in"
