import pytest

from pgward.ca.acme import problems
from pgward.ca.acme.problems import STATUS, AcmeError, Subproblem


def test_a_problem_says_what_and_for_which_name():
    wrong = Subproblem("rejectedIdentifier", "no", {"type": "dns", "value": "a.x"})
    error = AcmeError("rejectedIdentifier", "not these", subproblems=[wrong])
    assert error.document() == {
        "type": "urn:ietf:params:acme:error:rejectedIdentifier",
        "detail": "not these",
        "status": 400,
        "subproblems": [
            {
                "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                "detail": "no",
                "identifier": {"type": "dns", "value": "a.x"},
            }
        ],
    }


def test_a_problem_can_say_which_algorithms_there_are():
    error = AcmeError("badSignatureAlgorithm", "no", algorithms=("ES256",))
    assert error.document()["algorithms"] == ["ES256"]


def test_every_type_has_a_status():
    assert {kind: AcmeError(kind, "x").status for kind in STATUS} == dict(STATUS)
    with pytest.raises(KeyError):
        AcmeError("unheardOf", "x")


def test_details_are_bounded():
    assert len(AcmeError("malformed", "x" * 9999).message) == problems.MAX_DETAIL


def test_who_asks_too_often_is_told_until_when():
    assert problems.rate_limited("slow", 30).headers == {"Retry-After": "30"}


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (problems.malformed("x"), "malformed", 400),
        (problems.malformed("x", status=413), "malformed", 413),
        (problems.unauthorized("x"), "unauthorized", 403),
        (problems.not_found(), "malformed", 404),
    ],
)
def test_short_forms(error, kind, status):
    assert (error.kind, error.status) == (kind, status)
