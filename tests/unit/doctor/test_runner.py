import threading
from types import SimpleNamespace

from pgward.core.errors import LoginNeededError
from pgward.doctor.finding import fail, ok, skip, warn
from pgward.doctor.runner import Check, run

PATIENT = SimpleNamespace()


def test_what_hangs_on_a_broken_link_is_not_looked_at():
    looked = []

    def look(name, finding):
        def see(_patient):
            looked.append(name)
            return finding

        return see

    checks = [
        Check("a", look("a", ok("a", "1"))),
        Check("b", look("b", fail("b", "2")), ("a",)),
        Check("c", look("c", ok("c", "3")), ("b",)),
        Check("d", look("d", ok("d", "4")), ("c",)),
        Check("e", look("e", warn("e", "5")), ("a",)),
        Check("f", look("f", ok("f", "6")), ("e",)),
    ]
    assert list(run(checks, PATIENT)) == [
        ok("a", "1"),
        fail("b", "2"),
        skip("c", "not looked at, as b does not hold"),
        skip("d", "not looked at, as b does not hold"),
        warn("e", "5"),
        ok("f", "6"),
    ]
    assert looked == ["a", "b", "e", "f"]


def test_what_has_nothing_to_look_at_is_not_told_and_hinders_nobody():
    checks = [Check("a", lambda _: None), Check("b", lambda _: ok("b", "x"), ("a",))]
    assert list(run(checks, PATIENT)) == [ok("b", "x")]


def test_our_errors_are_findings():
    def look(_patient):
        raise LoginNeededError

    (found,) = run([Check("a", look)], PATIENT)
    assert (found.what, found.hint, found.exit_code) == ("you are not logged in", "pgward login", 4)


def test_a_check_that_breaks_ends_no_other_and_quotes_nothing():
    def look(_patient):
        raise ValueError("hunter2")

    first, second = run([Check("a", look), Check("b", lambda _: ok("b", "x"))], PATIENT)
    assert first.what == "this check broke (ValueError)"
    assert "hunter2" not in str(first)
    assert second == ok("b", "x")


def test_a_check_that_hangs_is_left_behind():
    released = threading.Event()

    def look(_patient):
        released.wait(10)
        return ok("a", "late")

    (found,) = run([Check("a", look, seconds=0.05)], PATIENT)
    assert found.what == "no result in 0.05 seconds"
    released.set()
