import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from pgward.ca.resources import kinds
from pgward.demo import access
from pgward.demo.crew import Done
from pgward.demo.errors import DemoError
from pgward.demo.layout import Layout

CLUSTER = SimpleNamespace(host="127.0.0.1", port=5433, socket_dir=Path("/demo/pg/run"))
OTP = "psql 'postgres://otp-1:empty@e:1/shop?a=b&c=d'\n"
GRANT = {"role": "bob", "state": "active"}
NOT_YET = GRANT | {"state": "pending"}
REFUSED = Done(1, "", "ERROR:  permission denied for table orders\n")


class FakeAsker:
    """Answers commands in turn."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def run(self, *arguments):
        self.asked.append(" ".join(arguments))
        return self.answers.pop(0)


class FakeShop:
    """Takes all commands; its layout is below a directory."""

    def __init__(self, root=Path("/demo")):
        self.layout, self.asked = Layout(root), []
        self.crew = SimpleNamespace(pgward=self.pgward)

    def person(self, *arguments, **_stdin):
        self.asked.append(" ".join(map(str, arguments)))
        return Done(0, json.dumps([{"current": True}]), "")

    admin = person

    def pgward(self, *arguments, home):
        return self.person(f"{home.name}:", *arguments)


def psql(user="bob", done=REFUSED):
    answer = json.dumps({"current_user": user})
    return SimpleNamespace(query=lambda *_: answer, run=lambda *_: done)


def listed(*grants):
    return json.dumps(grants)


def test_everything_that_is_declared_is_valid():
    read = [kinds.read(each["kind"], each) for each in access.manifests(CLUSTER)]
    assert [each.kind for each in read] == ["Integration", "Service", "RoleBundle", "AccessFlow"]


def test_it_is_declared_at_once(tmp_path):
    shop = FakeShop(tmp_path)
    access.declare(shop, CLUSTER)
    assert [each.split()[0] for each in shop.asked] == ["apply", "edges"]
    assert "fromGrant: true" in (tmp_path / "access.yaml").read_text()


def test_who_asks_has_a_home_of_their_own(tmp_path):
    shop = FakeShop(tmp_path)
    ca = SimpleNamespace(url="https://ca", fingerprint="SHA256:1")
    access.asker(shop, ca).run("whoami")
    assert shop.asked[0].startswith("user add bob --group engineers")
    assert shop.asked[1].startswith("bob: login")
    assert shop.asked[2] == "bob: whoami"


def test_a_request_is_called_by_its_id():
    who = FakeAsker('{"id": "7f"}')
    assert access.ask(who) == "7f"
    assert who.asked[0].startswith("request shop-asked --bundle shop-reading --for 10m")


def test_what_is_approved_is_waited_for():
    shop, who = FakeShop(), FakeAsker(listed(NOT_YET), listed(GRANT))
    assert access.approve(shop, "7f", who) == GRANT
    assert shop.asked == ["approve 7f --yes"]


@pytest.mark.parametrize(
    ("grants", "said"), [((NOT_YET,), "pending, and not active"), ((), "0 grants")]
)
def test_a_grant_that_does_not_come_is_an_error(grants, said, monkeypatch):
    monkeypatch.setattr(access, "READY_SECONDS", -1)
    with pytest.raises(DemoError, match=said):
        access.approve(FakeShop(), "7f", FakeAsker(listed(*grants)))


def test_people_land_as_their_access_role():
    assert access.query(psql(), FakeAsker(OTP)) == {"current_user": "bob"}
    with pytest.raises(DemoError, match="landed as 'alice'"):
        access.query(psql("alice"), FakeAsker(OTP))


def test_what_was_not_granted_is_refused_by_postgresql():
    said = access.forbidden(psql(), FakeAsker(OTP))
    assert said == "ERROR: permission denied for table orders"
    with pytest.raises(DemoError, match="was not refused: it worked"):
        access.forbidden(psql(done=Done(0, "", "")), FakeAsker(OTP))


@pytest.mark.parametrize("left", ["0", "1"])
def test_the_end_takes_the_role_away(left, monkeypatch, tmp_path):
    log = tmp_path / "session.log"
    log.write_text("FATAL:  your access has ended\nmore\n")
    monkeypatch.setattr(access, "wait_for_end", lambda *_: 0.5)
    monkeypatch.setattr(access.proofs, "CUT_SECONDS", 0)
    site = SimpleNamespace(
        psql=SimpleNamespace(work=lambda _: SimpleNamespace(log=log)),
        cluster=SimpleNamespace(psql=lambda _: left),
    )
    shop = FakeShop()
    if left == "1":
        with pytest.raises(DemoError, match="still has the role bob"):
            access.revoke(shop, site, "7f", FakeAsker(OTP))
    else:
        end = access.revoke(shop, site, "7f", FakeAsker(OTP))
        assert end == access.End(0.5, "FATAL:  your access has ended")
    assert shop.asked == ["revoke 7f --reason done"]


def test_a_connector_serves_with_the_account_that_was_set_up():
    shop, ran = FakeShop(), []
    ready = SimpleNamespace(first_line="connector connector1 serves")
    shop.crew.serve = lambda *_, **__: ready
    cluster = SimpleNamespace(version=15, psql=ran.append)
    assert access.connector(shop, cluster) == "connector connector1 serves"
    assert [each.split()[:2] for each in shop.asked] == [
        ["connector", "set-up"],
        ["ca", "token"],
        ["connector", "enroll"],
    ]
    assert len(ran) == 1
