import pytest

from pgward.ca.acts import RefusedError
from pgward.ca.login.attempt import RefusedLoginError
from pgward.ca.login.passkeys import enrolment
from pgward.ca.login.passkeys.responses import Asserted, Made
from pgward.core.errors import DeniedError, InvalidInputError
from tests.fixtures.passkeys import CALLBACK, query, visit_of
from tests.fixtures.soft_authenticator import BE, BS, PRESENT, UP, UV, SoftAuthenticator


def refused(passkeys, authenticator, **twist):
    """Use a passkey in a wrong way, and return the reason that the audit log has."""
    asked = passkeys.begin()
    with pytest.raises(RefusedLoginError, match="the passkey was not accepted") as caught:
        passkeys.use(asked.ask.facts["url"], authenticator, **twist)
    (actor, outcome, reason), count = passkeys.logins.events()[-1], len(passkeys.refusals)
    assert (actor, outcome, count) == (caught.value.actor or "unknown", "denied", 1)
    assert reason == caught.value.why
    return reason


@pytest.mark.parametrize(
    ("twist", "why"),
    [
        ({"rp_id": "evil.example"}, "Unexpected RP ID hash"),
        ({"client": {"origin": "https://evil.example"}}, "Unexpected client data origin"),
        ({"client": {"origin": "https://localhost:9999"}}, "Unexpected client data origin"),
        ({"client": {"origin": "http://localhost:8443"}}, "Unexpected client data origin"),
        ({"client": {"challenge": "AAAA"}}, "challenge was not expected"),
        ({"client": {"type": "webauthn.create"}}, "Unexpected client data type"),
        ({"client": {"crossOrigin": True}}, "in a frame of another site"),
        ({"client": {"topOrigin": "https://evil.example"}}, "in a frame of another site"),
        ({"flags": UP}, "user was not verified"),
        ({"flags": UV}, "User was not present"),
        ({"flags": PRESENT | BS}, "backed up, which should be impossible"),
        ({"key": SoftAuthenticator().key}, "Could not verify authentication signature"),
        ({"handle": b"somebody else"}, "somebody else's"),
        ({"handle": None}, "did not say whose"),
    ],
)
def test_a_use_that_does_not_hold_is_refused_with_its_reason_on_record(passkeys, twist, why):
    phone = passkeys.add()
    before = passkeys.of()
    assert why.lower() in refused(passkeys, phone, **twist).lower()
    assert passkeys.of() == before


def test_a_counter_that_goes_back_tells_of_a_copy(passkeys):
    phone = passkeys.add()
    passkeys.use(passkeys.begin().ask.facts["url"], phone, counter=7)
    why = refused(passkeys, phone, counter=7)
    assert why == "its counter went from 7 to 7: the passkey may be a copy"
    passkeys.refusals.clear()
    assert "from 7 to 0" in refused(passkeys, phone, counter=0)


def test_who_has_not_the_key_cannot_make_a_counter_look_wrong(passkeys):
    phone = passkeys.add()
    passkeys.use(passkeys.begin().ask.facts["url"], phone, counter=7)
    assert "signature" in refused(passkeys, phone, counter=1, key=SoftAuthenticator().key)


def test_a_passkey_that_never_counts_works_again_and_again(passkeys):
    synced = passkeys.add(counter=None)
    for _ in range(2):
        passkeys.use(passkeys.begin().ask.facts["url"], synced, flags=PRESENT | BE | BS)
    (kept,) = passkeys.of()
    assert (kept.sign_count, kept.backed_up) == (0, True)


def test_an_answer_works_once(passkeys):
    synced = passkeys.add(counter=None)
    visit = visit_of(passkeys.begin().ask.facts["url"])
    given = Asserted.model_validate(synced.use(passkeys.visits.show(visit).options))
    passkeys.visits.used(visit, given)
    with pytest.raises(DeniedError, match="used already"):
        passkeys.visits.used(visit, given)


def test_an_answer_is_good_for_its_own_visit_only(passkeys):
    synced = passkeys.add(counter=None)
    one, two = (visit_of(passkeys.begin().ask.facts["url"]) for _ in range(2))
    given = Asserted.model_validate(synced.use(passkeys.visits.show(one).options))
    with pytest.raises(RefusedLoginError) as caught:
        passkeys.visits.used(two, given)
    assert "challenge" in caught.value.why


def test_a_visit_ends_after_ten_minutes(passkeys):
    visit = visit_of(passkeys.begin().ask.facts["url"])
    passkeys.desk.clock.move(minutes=10)
    with pytest.raises(DeniedError, match="expired"):
        passkeys.visits.show(visit)


@pytest.mark.parametrize("visit", ["", "x", "é", "A" * 4000])
def test_what_nobody_here_sealed_is_no_visit(passkeys, visit):
    with pytest.raises(DeniedError, match="not one of this authority's"):
        passkeys.visits.show(visit)


def test_a_flow_is_no_visit(passkeys):
    with pytest.raises(DeniedError, match="not one of this authority's"):
        passkeys.visits.show(passkeys.begin().flow)


def registering(passkeys):
    session = passkeys.session()
    return session, enrolment.begin(passkeys.desk, session, "phone", CALLBACK)


@pytest.mark.parametrize(
    ("twist", "why"),
    [
        ({"rp_id": "evil.example"}, "Unexpected RP ID hash"),
        ({"client": {"origin": "https://evil.example"}}, "Unexpected client data origin"),
        ({"client": {"type": "webauthn.get"}}, "Unexpected client data type"),
        ({"client": {"crossOrigin": True}}, "in a frame of another site"),
        ({"flags": UP}, "user was not verified"),
        ({"fmt": "fido-u2f"}, "not asked for"),
        ({"fmt": "none", "statement": {"sig": b"x"}}, "unexpected attestation statement"),
        ({"cose": b"\xa0"}, ""),
        ({"cose": b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + b"x" * 32}, ""),
    ],
)
def test_a_new_passkey_that_does_not_hold_is_refused(passkeys, twist, why):
    _, begun = registering(passkeys)
    with pytest.raises(RefusedLoginError, match="not accepted") as caught:
        passkeys.made(begun, SoftAuthenticator(), **twist)
    assert why in caught.value.why
    assert passkeys.logins.events()[-1] == ("alice", "denied", caught.value.why)


def test_the_page_alone_registers_nothing(passkeys):
    session, begun = registering(passkeys)
    brought = passkeys.made(begun, SoftAuthenticator())
    assert passkeys.of() == []
    passkeys.finish(session, begun, brought)
    assert [(each.name, each.transports) for each in passkeys.of()] == [
        ("phone", ("hybrid", "internal"))
    ]


def test_who_sees_the_address_but_not_the_terminal_registers_nothing(passkeys):
    _, begun = registering(passkeys)
    visit = visit_of(begun.url)
    assert passkeys.visits.show(visit).options is None
    with pytest.raises(RefusedError, match="not the code that the terminal shows"):
        passkeys.visits.creation(visit, "AAA-AAA")
    options = passkeys.visits.creation(visit, begun.code)
    given = Made.model_validate(SoftAuthenticator().make(options))
    with pytest.raises(RefusedError, match="not the code"):
        passkeys.visits.made(visit, "", given)


def test_the_code_may_be_guessed_a_few_times_only(passkeys):
    _, begun = registering(passkeys)
    visit = visit_of(begun.url)
    for _ in range(5):
        with pytest.raises(RefusedError, match="not the code"):
            passkeys.visits.creation(visit, "AAA-AAA")
    with pytest.raises(DeniedError, match="too many wrong codes"):
        passkeys.visits.creation(visit, begun.code)
    assert len(passkeys.refusals) == 5


def test_a_code_may_be_typed_as_it_comes(passkeys):
    _, begun = registering(passkeys)
    typed = f" {begun.code.replace('-', ' ').lower()} "
    assert passkeys.visits.creation(visit_of(begun.url), typed)["attestation"] == "none"


def test_present_passkeys_are_excluded(passkeys):
    phone = passkeys.add()
    session = passkeys.session(factors=("webauthn",))
    begun = enrolment.begin(passkeys.desk, session, "key", CALLBACK)
    options = passkeys.visits.creation(visit_of(begun.url), begun.code)
    assert [each["id"] for each in options["excludeCredentials"]] == [
        phone.use({"challenge": ""})["id"]
    ]


def test_each_visit_serves_its_own_errand(passkeys):
    phone = passkeys.add()
    login = visit_of(passkeys.begin().ask.facts["url"])
    with pytest.raises(DeniedError, match="for logging in"):
        passkeys.visits.creation(login, "AAA-AAA")
    _, begun = registering_another(passkeys)
    given = Asserted.model_validate(phone.use({"challenge": "AAAA"}))
    with pytest.raises(DeniedError, match="for adding a passkey"):
        passkeys.visits.used(visit_of(begun.url), given, CALLBACK)


def registering_another(passkeys):
    session = passkeys.session(factors=("webauthn",))
    return session, enrolment.begin(passkeys.desk, session, "another", CALLBACK)


def test_a_visit_that_names_no_way_back_takes_loopback_only(passkeys):
    phone = passkeys.add()
    url = passkeys.begin("alice").ask.facts["url"]
    for back in (None, "https://evil.example/callback", "http://localhost:80/callback"):
        with pytest.raises(InvalidInputError, match="redirect_uri"):
            passkeys.use(url, phone, back)
    assert set(passkeys.use(url, phone, CALLBACK)) == {"code", "state"}


def test_a_visit_that_names_its_way_back_takes_no_other(passkeys):
    phone = passkeys.add()
    visit = visit_of(passkeys.begin().ask.facts["url"])
    given = Asserted.model_validate(phone.use(passkeys.visits.show(visit).options))
    other = "http://127.0.0.1:6666/callback"
    assert passkeys.visits.used(visit, given, other).startswith(f"{CALLBACK}?")
    assert query(f"{CALLBACK}?a=b") == {"a": "b"}
