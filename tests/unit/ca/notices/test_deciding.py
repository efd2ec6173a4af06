from base64 import urlsafe_b64decode
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from pgward.ca.identity import directory
from pgward.ca.keys.sealing import SealError
from pgward.ca.login.passkeys import visits
from pgward.ca.login.passkeys.responses import Asserted
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.ca.notices import links
from pgward.ca.notices.deciding import Answer, Deciding
from pgward.ca.notices.links import Link
from pgward.ca.notices.settings import NotifySettings
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.core.errors import ConflictError, DeniedError, NotFoundError
from tests.fixtures.notices import ID, FakeRequests, facts


@dataclass
class Page:
    """What people do at the page."""

    desk: object
    requests: FakeRequests
    links: str = "passkey"
    refusals: list = field(default_factory=list)

    @property
    def deciding(self):
        settings = replace(self.desk.settings, notify=NotifySettings(links=self.links))
        desk = replace(self.desk, settings=settings)
        rules = LoginRuleBook(settings)
        return Deciding(desk, rules, self.requests, lambda: self.refusals.append(None))

    def link(self, approver="alice", link_id=ID, **changes):
        end = self.desk.now() + timedelta(hours=1)
        shown = links.digest("r7k2", facts())
        made = Link(link_id, "r7k2", approver, shown, end)
        return links.seal(self.desk.sealer, replace(made, **changes))

    def answer(self, shown, key=None, *, approve=True, reason="", **twist):
        given = None
        if key is not None:
            given = Asserted.model_validate(key.use(shown.options, **twist))
        return Answer(shown.form, approve, reason, given)

    def decide(self, link, key=None, **facts_):
        shown = self.deciding.show(link)
        return self.deciding.decide(link, self.answer(shown, key, **facts_))


@pytest.fixture
def page(passkeys):
    return Page(passkeys.desk, FakeRequests())


@pytest.fixture
def phone(passkeys):
    return passkeys.add("alice")


def test_a_person_decides_with_a_link_and_a_passkey(page, phone, passkeys):
    assert page.decide(page.link(), phone, reason="go on") == "approved"
    assert page.requests.decisions == [("alice", True, "go on")]
    assert passkeys.of("alice")[0].last_used_at == page.desk.now()
    assert ("alice", "ok", None) in passkeys.logins.events()


def test_a_person_says_no(page, phone):
    assert page.decide(page.link(), phone, approve=False, reason="no") == "denied"


def test_who_has_no_passkey_is_sent_to_the_terminal(page):
    with pytest.raises(ConflictError, match="you have none") as caught:
        page.deciding.show(page.link())
    assert caught.value.hint.startswith("pgward approve r7k2")


@pytest.mark.usefixtures("phone")
def test_looking_changes_nothing(page):
    link = page.link()
    for _ in range(3):
        assert page.deciding.show(link).asked == page.requests.asked
    assert page.requests.decisions == []
    assert page.refusals == []


@pytest.mark.usefixtures("phone")
def test_a_link_by_itself_decides_nothing(page):
    with pytest.raises(DeniedError, match="deciding needs your passkey"):
        page.decide(page.link())
    assert page.requests.decisions == []
    assert len(page.refusals) == 1


def test_where_many_read_it_the_passkey_says_who_it_is(page, phone):
    shown = page.deciding.show(page.link(None))
    assert shown.options["allowCredentials"] == []
    assert page.decide(page.link(None), phone) == "approved"
    assert page.requests.decisions[0][0] == "alice"


def test_with_the_link_of_somebody_else_nobody_decides(page, phone, passkeys):
    passkeys.add("root")
    with pytest.raises(DeniedError, match="the passkey was not accepted"):
        page.decide(page.link("root"), phone)
    why = "the link is root's, the passkey alice's"
    assert ("root", "denied", why) in passkeys.logins.events()
    assert page.requests.decisions == []


def test_who_is_no_approver_decides_nothing_and_the_link_stays_good(page, phone):
    link = page.link()
    page.requests.approvers = ("root",)
    with pytest.raises(DeniedError, match="no approver"):
        page.decide(link, phone)
    page.requests.approvers = ("alice",)
    assert page.decide(link, phone) == "approved"


def test_who_was_refused_at_the_link_of_a_channel_is_on_record(page, phone, passkeys):
    page.requests.approvers = ("root",)
    with pytest.raises(DeniedError, match="no approver"):
        page.decide(page.link(None), phone)
    assert ("alice", "denied", "you are no approver of this request") in passkeys.logins.events()


def test_two_approvers_use_the_one_link_of_a_channel_each_once(page, phone, passkeys):
    page.requests.needed = 3
    link, other = page.link(None), passkeys.add("root")
    assert page.decide(link, phone) == "pending"
    assert page.decide(link, other) == "pending"
    with pytest.raises(DeniedError, match="this link was used already"):
        page.decide(link, phone)
    assert [each[0] for each in page.requests.decisions] == ["alice", "root"]


def test_an_answer_counts_once(page, phone):
    page.requests.needed = 2
    link = page.link()
    shown = page.deciding.show(link)
    answer = page.answer(shown, phone)
    assert page.deciding.decide(link, answer) == "pending"
    with pytest.raises((DeniedError, ConflictError)):
        page.deciding.decide(link, answer)
    assert len(page.requests.decisions) == 1


@pytest.mark.parametrize("state", ["approved", "denied", "cancelled", "lapsed"])
def test_what_does_not_wait_any_more_cannot_be_decided(page, phone, state):
    link = page.link()
    shown = page.deciding.show(link)
    answer = page.answer(shown, phone)
    page.requests.asked = replace(page.requests.asked, state=state)
    message = f"this request does not wait any more: it is {state}"
    with pytest.raises(ConflictError, match=message):
        page.deciding.decide(link, answer)
    with pytest.raises(ConflictError, match=message):
        page.deciding.show(link)


def test_another_request_than_the_message_said_cannot_be_decided(page, phone):
    link = page.link()
    answer = page.answer(page.deciding.show(link), phone)
    larger = facts(asked_for=("bundle shop-writing",))
    page.requests.asked = replace(page.requests.asked, facts=larger)
    with pytest.raises(ConflictError, match="not the one that you were told of"):
        page.deciding.decide(link, answer)
    with pytest.raises(ConflictError, match="not the one that you were told of"):
        page.deciding.show(link)


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"inside": {"shop-reading": ("ALL on x",)}}, {"inside": {}}]
)
def test_a_page_that_is_not_up_to_date_is_loaded_again(page, phone, change):
    link = page.link()
    answer = page.answer(page.deciding.show(link), phone)
    page.requests.asked = replace(page.requests.asked, **change)
    with pytest.raises(ConflictError, match="somebody has decided meanwhile, or a bundle"):
        page.deciding.decide(link, answer)
    assert page.decide(link, phone) == "approved"


def test_a_page_that_was_open_for_too_long_is_loaded_again(page, phone, clock):
    link = page.link()
    answer = page.answer(page.deciding.show(link), phone)
    clock.move(minutes=10)
    with pytest.raises(ConflictError, match="the page was open for too long"):
        page.deciding.decide(link, answer)


def test_an_expired_link_is_none(page, phone, clock):
    link = page.link()
    answer = page.answer(page.deciding.show(link), phone)
    clock.move(hours=1)
    for attempt in (lambda: page.deciding.show(link), lambda: page.deciding.decide(link, answer)):
        with pytest.raises(DeniedError, match="this link has expired"):
            attempt()


def test_the_page_of_another_link_is_refused(page, phone):
    mine, other = page.link(), page.link(link_id="f" * 32)
    answer = page.answer(page.deciding.show(other), phone)
    with pytest.raises(DeniedError, match="this page belongs to another link"):
        page.deciding.decide(mine, answer)


@pytest.mark.parametrize("form", ["", "x", "AAAA", "é"])
def test_a_page_that_we_did_not_make_is_refused(page, phone, form):
    shown = page.deciding.show(page.link())
    answer = replace(page.answer(shown, phone), form=form)
    with pytest.raises(DeniedError, match="not one of this authority's"):
        page.deciding.decide(page.link(), answer)


def test_the_answer_to_another_challenge_is_refused(page, phone):
    link = page.link()
    old = page.answer(page.deciding.show(link), phone)
    new = page.deciding.show(link)
    with pytest.raises(DeniedError, match="the passkey was not accepted"):
        page.deciding.decide(link, replace(old, form=new.form))


@pytest.mark.usefixtures("phone")
def test_a_link_is_no_visit_to_the_login_page(page):
    link = page.link()
    with pytest.raises(DeniedError):
        visits.unseal(page.desk.sealer, link, now=page.desk.now())
    sealed = urlsafe_b64decode(page.deciding.show(link).form + "==")
    with pytest.raises(SealError):
        page.desk.sealer.open("passkey visit", sealed)


def test_a_request_that_is_not_there(page):
    with pytest.raises(NotFoundError):
        page.deciding.show(page.link(request_id="r9"))


def block(page, name):
    with page.desk.store.write() as transaction:
        directory.block(transaction, name, "left", now=page.desk.now())


def test_who_is_blocked_decides_nothing(page, phone):
    link = page.link()
    block(page, "alice")
    with pytest.raises(DeniedError, match="your account is blocked"):
        page.decide(link, phone)
    assert page.requests.decisions == []


def rule(page, **spec):
    body = {
        "kind": "LoginRule",
        "metadata": {"name": "strict"},
        "spec": {"appliesTo": {"everyone": True}, **spec},
    }
    with page.desk.store.write() as transaction:
        resource = kinds.read("LoginRule", body)
        resources.put(transaction, resource, now=page.desk.now(), by="test")


@pytest.mark.parametrize(
    ("spec", "passkey", "mail"),
    [
        ({"methods": ["passkey"]}, None, "another way to log in"),
        ({"methods": ["password"]}, "another way to log in", "another way to log in"),
        ({"secondFactor": "required"}, None, "a second factor"),
        ({"devices": "approval"}, "a device that is known", "a device that is known"),
    ],
)
def test_login_rules_that_a_page_cannot_see_to_send_people_to_the_terminal(
    page, phone, spec, passkey, mail
):
    rule(page, **spec)
    for kind, key, why in (("mail", None, mail), ("passkey", phone, passkey)):
        page.links = kind
        if why is None:
            assert page.decide(page.link(), key) == "approved"
        else:
            with pytest.raises(
                DeniedError, match=f"the login rules that hold for you ask for {why}"
            ):
                page.decide(page.link(), key)


def test_a_link_of_an_email_can_be_enough_where_settings_say_so(page):
    page.links = "mail"
    assert page.deciding.show(page.link()).options is None
    assert page.decide(page.link()) == "approved"
    assert page.requests.decisions == [("alice", True, "")]


def test_a_link_of_a_channel_is_never_enough(page):
    page.links = "mail"
    with pytest.raises(DeniedError, match="this link does not say who you are"):
        page.decide(page.link(None))


def test_a_link_that_is_enough_works_once(page):
    page.links, page.requests.needed = "mail", 2
    link = page.link()
    assert page.decide(link) == "pending"
    with pytest.raises(DeniedError, match="this link was used already"):
        page.decide(link)
