"""What examples/policies says is so."""

from pathlib import Path

EXAMPLES = Path("examples/policies")


def test_the_examples_decide_as_they_say(pgward):
    done = pgward("policy", "test", EXAMPLES)
    assert done.stdout == ""
    assert done.stderr == "30 cases, none failed\n"
    assert done.exit_code == 0
