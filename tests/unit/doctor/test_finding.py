from pgward.core.errors import DeniedError, LoginNeededError, PgwardError
from pgward.doctor.finding import Finding, Status, broken, exit_code, fail, of_error, ok, skip, warn


def test_the_first_failure_is_the_link_that_breaks():
    findings = [ok("a", "x"), warn("b", "y"), fail("c", "z"), skip("d", "w"), fail("e", "v")]
    assert broken(findings) == findings[2]
    assert broken(findings[:2]) is None


def test_the_first_failure_gives_the_exit_status():
    assert exit_code([ok("a", "x"), warn("b", "y")]) == 0
    assert exit_code([fail("a", "x")]) == 1
    assert exit_code([fail("a", "x", exit_code=4), fail("b", "y")]) == 4


def test_an_error_of_ours_is_a_failure():
    assert of_error("a", LoginNeededError()) == fail(
        "a", "you are not logged in", "", "pgward login", 4
    )
    assert of_error("a", DeniedError("no\nreally"), "so").exit_code == 3
    assert of_error("a", DeniedError("no\nreally")).what == "no; really"
    usage = PgwardError("bad")
    usage.exit_code = 2
    assert of_error("a", usage).exit_code == 1


def test_as_data_the_keys_are_stable():
    assert Finding("a", Status.WARN, "x", "y", "z").to_json() == {
        "check": "a",
        "status": "warn",
        "what": "x",
        "why": "y",
        "hint": "z",
    }
