from urllib.parse import urlencode

import pytest

from tests.fixtures.edge_services import SELF, aware, declare


@pytest.fixture
def known(admin, alice):
    declare(admin, aware(secret=None))
    return alice


def ask(edge, **changed):
    asked = {"service": "orders", "user": "alice"} | changed
    return edge.call("GET", f"{SELF}/login", query=f"?{urlencode(asked)}")


def test_a_login_is_known_by_the_certificate_that_it_gave_out(edge, known):
    said = ask(edge, serial=known.certificate()["serial"]).json()
    assert said["factors"] == ["password"]
    assert said["device"]["approved"] is True
    assert said["device"]["posture"] == {}


def test_a_device_says_of_itself_what_it_says(edge, known):
    firewall = {"value": True, "how": "ufw"}
    known.call("POST", "/v1/me/posture", {"posture": {"os": "linux", "firewall": firewall}})
    said = ask(edge, serial=known.certificate()["serial"]).json()
    assert said["device"]["posture"]["firewall"] == firewall


def test_nobody_else_s_login_is_told(edge, known, admin):
    serial = known.certificate()["serial"]
    assert ask(edge, user="root", serial=serial).status_code == 403
    assert ask(edge, service="nowhere", serial=serial).status_code == 403
    declare(admin, aware(secret=None), edges=["e9"])
    assert ask(edge, serial=serial).status_code == 403


@pytest.mark.usefixtures("known")
def test_of_what_is_not_known_nothing_is_said(edge):
    nothing = {"email": "", "factors": [], "device": None}
    assert ask(edge, serial="abc").json() == nothing
    assert ask(edge, session="none").json() == nothing
    assert ask(edge).json() == nothing
    assert ask(edge, serial="XYZ").status_code == 422


@pytest.mark.usefixtures("known")
def test_a_blocked_persons_service_is_no_secret_to_the_edge(edge, admin):
    admin.call("POST", "/v1/users/alice/block")
    assert ask(edge, serial="abc").status_code == 200
