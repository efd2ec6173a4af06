"""What resources allow by a second reading of the rules, and what real connections are allowed.

A world is made at random: services in each mode, bundles, flows, role maps, policies, groups. Its
people ask, some of it ends, somebody is blocked, the resources change: after each step everybody
tries to come in by every mode as every role, and to read and write each table.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgward.access.proof import Rules
from tests.fixtures.proof_site import ProofSite, after, agreed, proof_site, settled
from tests.fixtures.proof_worlds import RandomWorld
from tests.fixtures.store_grants import StoreGrants
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.soak
SEEDS = range(4)
VERSIONS = [
    pytest.param(each, marks=() if each == 18 else pytest.mark.matrix) for each in (13, 15, 16, 18)
]


@pytest.fixture(scope="module", params=VERSIONS)
def proof(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProofSite]:
    with proof_site(tmp_path_factory.mktemp("proof"), request.param) as made:
        yield made


def ended(proof: ProofSite, rules: Rules) -> Rules:
    """Have one grant revoked, one given back and one expire."""
    live = rules.live()[:3]
    for given, how in zip(live, ("revoke", "cancel", "expire"), strict=False):
        for each in proof.ids(given):
            if how == "expire":
                StoreGrants(proof.site).change(each, ends_at=datetime.now(UTC))
            elif how == "revoke":
                proof.site.api.post(f"/v1/access/requests/{each}/revoke", {"reason": "enough"})
            else:
                proof.give_back(given.person, each)
    return after(rules, *live)


def emptied(proof: ProofSite) -> None:
    """Begin with nobody having anything."""
    for each in proof.live():
        proof.site.api.post(f"/v1/access/requests/{each['id']}/revoke", {"reason": "the next one"})
    eventually(lambda: not proof.live(), what=proof.messages())


@pytest.mark.parametrize("seed", SEEDS)
def test_connections_are_allowed_what_the_rules_say(proof: ProofSite, seed: int) -> None:
    emptied(proof)
    world = RandomWorld(seed, list(proof.people), proof.cluster.port)
    rules = world.rules()
    proof.tell_people(rules)
    proof.declare(list(rules.resources))
    agreed(proof, rules)

    wishes = world.wishes(rules)
    got = [each for each in wishes if proof.ask(each)]
    assert got == [each for each in wishes if rules.may_ask(each)]
    rules = replace(rules, given=tuple(got))
    agreed(proof, rules)

    rules = ended(proof, rules)
    agreed(proof, rules)

    before = rules.resources
    rules, edited = world.changed(rules)
    # What somebody loses as they change groups does not come back with the flow that comes after.
    between = after(replace(rules, resources=before))
    proof.tell_people(rules)
    settled(proof, between)
    proof.declare(edited)
    agreed(proof, after(replace(rules, given=between.given)))
