from dataclasses import replace

from pgward.ca.acme.accounts import Account
from pgward.ca.acme.identifiers import Allowed
from pgward.ca.acme.states import Account as State


def test_an_account_may_ask_for_what_its_key_says_or_else_the_settings(acme):
    office = acme.service.office
    acme_settings = replace(office.settings, dns=("open.test",), ips=("10.0.0.0/8",))
    office.authority.settings = replace(office.authority.settings, acme=acme_settings)
    bare = Account("1", None, State.VALID, (), acme.clock.now(), None, None, None)
    assert office.allowed(bare) == Allowed(("open.test",), ("10.0.0.0/8",))
    # Its key is gone: what anyone may ask for was never meant for it.
    assert office.allowed(replace(bare, kid="ab")) == Allowed()
    acme.client()
    office.wake()
    assert office.now() == acme.clock.now()
