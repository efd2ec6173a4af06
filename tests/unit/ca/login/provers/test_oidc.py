"""Step-ups at an identity provider that lies, through the API; and at one that does not."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from pgward.ca.identity import external
from pgward.ca.limiting.buckets import Buckets, Rate
from pgward.ca.login.oidc.authorization import RESERVED
from pgward.ca.login.provers.oidc import OidcProver
from tests.fixtures.ca_service import Device, service
from tests.fixtures.lying_provider import REDIRECT
from tests.fixtures.oidc_world import OidcWorld

BEGIN, CONTINUE = "/v1/me/step-up", "/v1/me/step-up/continue"
MFA = {"amr": ["mfa"]}


@dataclass
class World:
    """Ann, whom the provider knows, and a service that accepts a fresh login there."""

    oidc: OidcWorld
    ann: Device

    def now(self, seconds: float = 0) -> int:
        return int(self.oidc.api.clock.now().timestamp() + seconds)

    def declare(self, *factors: str) -> None:
        body = service("orders", allow={"users": ["ann", "root"]}, stepUp={"factors": factors})
        answer = self.oidc.admin.call("PUT", "/v1/resources/service/orders", body)
        assert answer.status_code in (200, 201), answer.text

    def begin(self, device: Device | None = None) -> httpx2.Response:
        return (device or self.ann).call("POST", BEGIN, {"service": "orders"})

    def answer(self, flow: str, device: Device | None = None, **given: Any) -> httpx2.Response:
        return (device or self.ann).call("POST", CONTINUE, {"flow": flow, "answer": given})

    def visit(self, device: Device | None = None) -> tuple[str, dict[str, Any]]:
        """Go to the provider; return the flow, and what the browser brings back."""
        asked = self.begin(device).json()
        assert asked["ask"]["kind"] == "redirect", asked
        sent = self.answer(asked["flow"], device, redirect_uri=REDIRECT).json()
        return sent["flow"], self.oidc.provider.visit(sent["ask"]["facts"]["url"])

    def prove(self, device: Device | None = None, **claims: Any) -> httpx2.Response:
        """Step up; the ID token says what ``claims`` say, and by default that it is fresh."""
        flow, brought = self.visit(device)
        self.oidc.provider.claims = {"auth_time": self.now()} | claims
        return self.answer(flow, device, **brought)

    def events(self) -> list[tuple[Any, ...]]:
        return [
            (each["outcome"], each["reason"], each["details"].get("factor"))
            for each in self.oidc.api.events()
            if each["action"] == "step_up.prove"
        ]


@pytest.fixture
def world(oidc_world):
    oidc_world.add(createUsers=True, scopes=["openid", "offline_access"])
    made = World(oidc_world, oidc_world.logged_in())
    made.declare("oidc")
    return made


def said(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["message"]


def test_a_fresh_login_at_the_provider_proves(world):
    asked = world.begin().json()["ask"]
    facts = {"provider": "corp", "redirect_ports": [], "service": "orders"}
    assert asked == {"kind": "redirect", "facts": facts}
    done = world.prove()
    assert (done.status_code, done.json()["factor"]) == (200, "oidc")
    (event,) = [e for e in world.oidc.api.events() if e["action"] == "step_up.prove"]
    assert {"factor": "oidc", "provider": "corp"}.items() <= event["details"].items()


def test_the_provider_is_asked_for_a_fresh_login_whatever_its_spec_says(oidc_world):
    params = {"prompt": "none", "max_age": "86400", "hd": "corp.test", "acr_values": "0"}
    oidc_world.add(
        createUsers=True,
        scopes=["openid", "email", "offline_access"],
        authorizeParams=params,
        stepUpAcr=["1", "2"],
    )
    world = World(oidc_world, oidc_world.logged_in())
    world.declare("oidc")
    flow = world.begin().json()["flow"]
    url = world.answer(flow, redirect_uri=REDIRECT).json()["ask"]["facts"]["url"]
    found = parse_qs(urlsplit(url).query)
    assert {name: value for name, value in found.items() if name not in RESERVED} == {
        "prompt": ["login"],
        "max_age": ["0"],
        "hd": ["corp.test"],
        "acr_values": ["1 2"],
    }
    assert found["scope"] == ["openid email"]
    assert said(world.prove())[1].endswith("not in a way that was asked for (acr: 1, 2)")
    assert world.prove(acr="2").status_code == 200


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"auth_time": None}, "did not log you in anew: it does not say when"),
        ({"auth_time": 1}, "did not log you in anew: you logged in there"),
        ({"auth_time": "now"}, "has no time as auth_time"),
        ({"nonce": "another"}, "belongs to another login"),
        ({"iss": "https://evil.test"}, "is another issuer's"),
        ({"aud": "other"}, "is for another client"),
        ({"sub": "s-2"}, "that was somebody else's login at corp"),
    ],
)
def test_what_proves_nothing(world, claims, why):
    status, message = said(world.prove(**claims))
    assert (status, why in message) == (403, True), message
    ((outcome, reason, _),) = world.events()
    assert outcome == "denied"
    assert "subject 's-2' of corp is nobody here" in reason or why in reason


@pytest.mark.parametrize(("seconds", "status"), [(-61, 403), (-60, 200), (60, 200), (61, 403)])
def test_a_login_counts_since_the_step_up_began_give_or_take_a_minute(world, seconds, status):
    assert world.prove(auth_time=world.now(seconds)).status_code == status


def test_time_that_the_person_takes_makes_no_older_login_fresh(world):
    flow, brought = world.visit()
    old = world.now(-61)
    world.oidc.api.clock.move(minutes=5)
    world.oidc.provider.claims = {"auth_time": old}
    assert "you logged in there 361 s ago" in said(world.answer(flow, **brought))[1]
    world.oidc.provider.claims = {"auth_time": world.now(-30)}
    assert world.answer(flow, **brought).status_code == 200


def test_the_login_of_a_colleague_proves_nothing(world):
    world.oidc.provider.claims = {"sub": "s-bob", "preferred_username": "bob"}
    world.oidc.logged_in()
    assert said(world.prove(sub="s-bob"))[1] == "that was somebody else's login at corp"
    assert world.events()[-1][1] == "subject 's-bob' of corp is bob"


def test_an_answer_proves_once_and_in_its_own_step_up_only(world):
    flow, brought = world.visit()
    other, _ = world.visit()
    world.oidc.provider.claims = {"auth_time": world.now()}
    assert "from another login" in said(world.answer(other, **brought))[1]
    world.oidc.provider.nonce = None
    flow, brought = world.visit()
    assert world.answer(flow, **brought).status_code == 200
    assert said(world.answer(flow, **brought)) == (403, "the step-up was completed already")


def test_the_answer_of_a_login_is_none_of_a_step_up(world):
    device = Device(world.oidc.api)
    request = {"method": "oidc", "redirect_uri": REDIRECT}
    begun = device.call("POST", "/v1/login", request).json()
    brought = world.oidc.provider.visit(begun["ask"]["facts"]["url"])
    flow, _ = world.visit()
    assert "from another login" in said(world.answer(flow, **brought))[1]
    assert "not one of this authority's" in said(world.answer(begun["flow"], **brought))[1]


@pytest.mark.parametrize(
    "given", [{}, {"redirect_uri": "https://evil.test/callback"}, {"redirect_uri": [REDIRECT]}]
)
def test_the_browser_comes_back_to_loopback_only(world, given):
    assert world.answer(world.begin().json()["flow"], **given).status_code == 422


def test_who_is_not_known_at_the_provider_any_more_cannot_prove(world):
    flow, brought = world.visit()
    world.oidc.provider.claims = {"auth_time": world.now()}
    with world.oidc.api.store.write() as transaction:
        external.unlink(transaction, "corp", "ann")
    assert said(world.answer(flow, **brought)) == (403, "that was somebody else's login at corp")


def test_a_link_that_is_cut_just_then_proves_nothing(world, monkeypatch):
    look = OidcProver._link

    def looked_and_cut(prover, provider, subject):
        found = look(prover, provider, subject)
        with world.oidc.api.store.write() as transaction:
            external.unlink(transaction, provider, "ann")
        return found

    monkeypatch.setattr(OidcProver, "_link", looked_and_cut)
    message = "the link to the identity provider was removed during the step-up"
    assert said(world.prove()) == (403, message)


def test_who_logged_in_with_a_password_and_is_linked_may_prove_there(world):
    root = world.oidc.admin
    assert "none that it accepts (oidc)" in said(world.begin(root))[1]
    root.call("POST", "/v1/identity-providers/corp/links", {"user": "root", "subject": "s-root"})
    done = world.prove(root, sub="s-root", preferred_username="whatever")
    assert (done.status_code, done.json()["factor"]) == (200, "oidc")


def test_it_is_no_second_factor_unless_the_service_says_so(world):
    world.declare("totp", "webauthn")
    status, message = said(world.begin())
    assert (status, "none that it accepts" in message) == (403, True)
    world.declare("mfa")  # the provider has no rule of what a second factor is
    refused = world.begin()
    assert "secondFactor of the identity provider" in refused.json()["error"]["hint"]


@pytest.fixture
def strict(oidc_world):
    """A provider that vouches for second factors."""
    oidc_world.add(createUsers=True, secondFactor=MFA)
    made = World(oidc_world, oidc_world.logged_in())
    made.declare("mfa")
    return made


def test_a_second_factor_that_the_provider_asked_for_counts_as_one(strict):
    assert strict.prove(amr=["pwd", "mfa"]).json()["factor"] == "mfa"
    strict.declare("oidc")
    assert strict.prove(amr=["pwd", "mfa"]).json()["factor"] == "oidc"
    strict.declare("oidc", "mfa")
    assert strict.prove(amr=["pwd"]).json()["factor"] == "oidc"
    assert strict.prove(amr=["mfa"]).json()["factor"] == "mfa"


@pytest.mark.parametrize("amr", [None, ["pwd"], "mfa", [["mfa"]]])
def test_a_login_without_it_does_not(strict, amr):
    strict.oidc.provider.document |= {"userinfo_endpoint": "https://idp.test/me"}
    strict.oidc.provider.userinfo = {"sub": "s-1", "amr": ["mfa"], "auth_time": strict.now()}
    refused = strict.prove(amr=amr)
    assert said(refused) == (403, "corp did not say that it asked you for a second factor")
    assert strict.events()[-1][0] == "denied"


def test_wrong_answers_do_not_reach_the_provider_for_ever(world):
    stepping = world.oidc.api.client.app.state.context.step_ups
    stepping._provers["oidc"]._wrong = Buckets(Rate(per_second=0.001, burst=2))
    statuses = [world.prove(auth_time=1).status_code for _ in range(3)]
    assert statuses == [403, 403, 429]


def test_ports_that_the_provider_accepts_are_told(oidc_world):
    oidc_world.add(createUsers=True)
    ann = oidc_world.logged_in()
    body = {
        "kind": "IdentityProvider",
        "metadata": {"name": "corp"},
        "spec": {
            "type": "oidc",
            "issuer": "https://idp.test",
            "clientId": "pgward",
            "redirectPorts": [8400],
        },
    }
    oidc_world.admin.call("PUT", "/v1/resources/identityprovider/corp", body)
    world = World(oidc_world, ann)
    world.declare("oidc")
    asked = world.begin().json()
    assert asked["ask"]["facts"]["redirect_ports"] == [8400]
    refused = world.answer(asked["flow"], redirect_uri=REDIRECT)
    assert "does not accept port 43210" in said(refused)[1]
