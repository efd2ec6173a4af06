import pytest

from pgward.ca.login.oidc import leaving
from pgward.ca.login.oidc.metadata import Metadata
from tests.fixtures.lying_provider import CLIENT, ISSUER

RULES = {"createUsers": True}
END = f"{ISSUER}/end"


def log_out(world):
    device = world.logged_in()
    answer = device.call("POST", "/v1/logout")
    assert answer.status_code == 200
    return answer.json()["provider_login"]


@pytest.mark.parametrize(
    ("page", "sid", "url"),
    [
        (None, "x", None),
        (END, None, f"{END}?client_id={CLIENT}"),
        (f"{END}?a=b", "s 1&", f"{END}?a=b&client_id={CLIENT}&logout_hint=s+1%26"),
    ],
)
def test_the_page_names_the_client_and_the_login(lying_provider, page, sid, url):
    lying_provider.document = {"end_session_endpoint": page}
    metadata = Metadata.read(lying_provider.metadata(), issuer=ISSUER)
    assert leaving.url(metadata, CLIENT, sid) == url


def test_who_logs_out_is_told_where_the_login_goes_on(oidc_world):
    oidc_world.provider.document |= {"end_session_endpoint": END}
    oidc_world.provider.claims = {"sid": "x"}
    oidc_world.add(**RULES)
    url = f"{END}?client_id={CLIENT}&logout_hint=x"
    assert log_out(oidc_world) == {"provider": "corp", "url": url}


def test_a_provider_that_is_away_or_has_no_page_keeps_nobody_logged_in(oidc_world):
    oidc_world.add(**RULES)
    assert log_out(oidc_world) == {"provider": "corp", "url": None}
    device = oidc_world.logged_in()
    oidc_world.api.clock.move(hours=2)  # its metadata has to be asked for anew
    oidc_world.provider.away = True
    answer = device.call("POST", "/v1/logout").json()
    assert answer["provider_login"] == {"provider": "corp", "url": None}
    assert device.call("GET", "/v1/me").status_code == 401


def test_a_login_by_password_goes_on_nowhere(oidc_world):
    oidc_world.add(**RULES)
    assert oidc_world.admin.call("POST", "/v1/logout").json()["provider_login"] is None
