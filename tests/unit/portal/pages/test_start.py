import pytest

from pgward.pki import csr, keys
from tests.fixtures.ca_service import service


@pytest.fixture
def root(web, admin):  # noqa: ARG001 - who is there from the first
    return web.sign_in("root")


def test_the_first_page_of_a_new_authority_is_the_set_up(root):
    page = root.open("/")
    assert (page.path, "Nobody but you can sign in yet" in page.text) == ("/admin/start", True)


@pytest.mark.usefixtures("edge")
def test_it_is_not_where_an_edge_is(root):
    assert root.open("/").path == "/databases"


def test_others_are_never_led_there(web, api):
    api.add("alice")
    assert web.sign_in("alice").open("/").path == "/databases"
    assert web.open("/admin/start").status == 403


def test_the_first_step_that_is_not_done_is_shown(root, api):
    api.add("ann")
    assert "No edge has enrolled yet" in root.open("/admin/start").text
    assert "Nobody has yet" in root.open("/admin/start/connect").text
    assert root.open("/admin/start/nonsense").status == 404


def test_an_edge_enrols_with_what_the_page_shows_once(root, api):
    root.open("/admin/start/edge")
    page = root.press("Make a token", name="edge1", address="edge1.test:7432")
    assert "pgward edge enroll edge1 --token-file - --advertise edge1.test:7432" in page.text
    token = next(word for word in page.text.split() if word.startswith("pgj"))
    joining = {"token": token, "csr": csr.make(keys.generate()).decode()}
    answer = api.call("POST", "/v1/enroll", joining | {"advertise": "edge1.test:7432"})
    assert answer.status_code == 201, answer.text
    page = root.open("/admin/start/edge")
    assert token not in page.text
    assert "Enrolled: edge1" in page.text
    assert "No enrolled edge runs yet" in page.text


@pytest.mark.parametrize("address", ["", "edge1", "edge1:0", "edge1:99999", "<b>:7432", "e 1:7432"])
def test_an_address_that_is_none_is_told_and_kept(root, address):
    root.open("/admin/start/edge")
    page = root.press("Make a token", name="edge1", address=address)
    assert page.status in {400, 422}
    assert "<b>" not in page.answer.text
    assert page.forms[-1].fields["address"] == address


def test_names_are_quoted_for_shells(root):
    root.open("/admin/start/server")
    page = root.press("Make a token", name="db1; rm -rf ~", address="db1.test")
    assert page.status in {400, 422}
    page = root.press("Make a token", name="db1", address="db1.test")
    assert "pgward hba apply --data-dir DIRECTORY --token-file -" in page.text


@pytest.mark.usefixtures("edge")
def test_a_service_is_made(root, admin):
    root.open("/admin/start/service")
    sent = {"name": "orders", "host": "db1.test", "port": "5433", "group": "dba"}
    page = root.press("Create it", **sent)
    assert "Service orders created." in page.text
    assert "No edge has it yet" in page.text
    spec = admin.call("GET", "/v1/resources/service/orders").json()["resource"]["spec"]
    assert spec["upstream"] == {"host": "db1.test", "port": 5433}
    assert (spec["serverName"], spec["allow"]) == ("db1.test", {"groups": ["dba"], "users": []})


@pytest.mark.parametrize(
    "wrong", [{"port": "x"}, {"port": "0"}, {"name": "Not A Name"}, {"group": ""}, {"host": ""}]
)
def test_a_service_that_cannot_be_is_told(root, wrong):
    root.open("/admin/start/service")
    sent = {"name": "orders", "host": "db1.test", "port": "5433", "group": "dba"}
    page = root.press("Create it", **sent | wrong)
    assert page.status in {400, 422}
    assert "resources[0]" not in page.text.lower()


@pytest.mark.usefixtures("edge")
def test_what_a_service_is_called_is_shown_as_text(root, admin):
    body = service() | {"metadata": {"name": "orders", "description": "<i>"}}
    assert admin.call("PUT", "/v1/resources/service/orders", body).status_code in {200, 201}
    page = root.open("/admin/start/connect")
    assert "pgward psql orders" in page.text
    assert "pgward login --ca" in page.text


def test_a_provider_that_is_not_there_is_told(root):
    root.open("/admin/start/people")
    issuer = "https://127.0.0.1:1/realm"
    page = root.press("Check it and add it", issuer=issuer, client_id="x", secret="s3cret")
    assert page.status in {400, 403, 409, 422, 503}
    assert "s3cret" not in page.answer.text
    assert page.forms[-1].fields["issuer"] == issuer
