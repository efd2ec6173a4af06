import pytest

from tests.fixtures.chunks import Teller, record

PATH = "/v1/audit/checks"


@pytest.fixture
def otto(api):
    api.add("otto", "auditors")
    return api.device("otto")


def test_an_auditor_has_the_archive_verified(app, otto, edge, clock):
    Teller(edge).tell(record(1), record(2))
    begun = otto.call("POST", PATH, {})
    assert begun.status_code == 202, begun.text
    app.state.context.archive.verifying.wait()
    (check,) = otto.call("GET", PATH).json()["checks"]
    (chain,) = check.pop("chains")
    assert check == {
        "number": 1,
        "runs": False,
        "started_at": "2026-11-21T12:00:00Z",
        "started_by": "otto",
        "ended_at": "2026-11-21T12:00:00Z",
        "trouble": None,
        "chunks": 1,
        "lines": 2,
        "of_lines": 2,
        "problems": 0,
    }
    assert (chain["edge"], chain["last_seq"], chain["problems"]) == ("e1", 2, [])
    clock.move(minutes=1)
    assert otto.call("POST", PATH, {}).json()["check"]["runs"] is True


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", {})])
def test_other_people_do_not(alice, method, body):
    answer = alice.call(method, PATH, body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "only an auditor may do this",
    )
