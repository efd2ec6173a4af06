import pytest

from pgward.ca.generations import State
from pgward.ca.records import CaName
from pgward.ca.rotation import phases
from pgward.ca.rotation.phases import Need, Phase, Step
from pgward.core.errors import ConflictError


def test_the_way_forward():
    way = [Phase.TRUST_BOTH]
    while not way[-1].is_over:
        way.append(phases.forward(way[-1]).to)
    assert way == ["trust-both", "issue-new", "trust-new", "done"]
    with pytest.raises(ConflictError, match="nothing comes after"):
        phases.forward(Phase.DONE)


def test_only_the_current_ca_issues():
    assert phases.forward(Phase.TRUST_BOTH) == Step(Phase.ISSUE_NEW, State.PREVIOUS, State.CURRENT)
    assert phases.forward(Phase.ISSUE_NEW).old is State.RETIRED


def test_the_way_back_ends_where_the_old_ca_is_trusted_no_more():
    assert phases.back(Phase.ISSUE_NEW) == Step(Phase.TRUST_BOTH, State.CURRENT, State.NEXT)
    assert phases.back(Phase.TRUST_BOTH).to is Phase.ROLLED_BACK
    for phase in (Phase.TRUST_NEW, Phase.DONE):
        with pytest.raises(ConflictError, match="no way back"):
            phases.back(phase)


def test_certificates_are_looked_at_only_where_a_ca_goes():
    steps = [phases.forward(p) for p in (Phase.TRUST_BOTH, Phase.ISSUE_NEW, Phase.TRUST_NEW)]
    assert [each.leaves_of for each in steps] == [None, "old", None]
    assert phases.back(Phase.TRUST_BOTH).leaves_of == "new"


@pytest.mark.parametrize(
    ("target", "phase", "need"),
    [
        (CaName.USER_ISSUING, Phase.TRUST_BOTH, Need.CLIENT_PROBE),
        (CaName.USER_ROOT, Phase.TRUST_BOTH, Need.CLIENT_PROBE),
        (CaName.USER_ROOT, Phase.ISSUE_NEW, None),
        (CaName.SERVER_ROOT, Phase.TRUST_BOTH, Need.SERVER_PROBE),
        (CaName.SERVER_ISSUING, Phase.ISSUE_NEW, Need.PRESENT),
        (CaName.SERVER_ISSUING, Phase.TRUST_NEW, Need.TAKE),
    ],
)
def test_what_machines_must_show(target, phase, need):
    assert phases.need(target, phase) == need
