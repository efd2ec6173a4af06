import json

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.hba import roles_commands
from pgward.hba.roles.planning import Planned, Step
from pgward.hba.roles.sync import Outcome

PLANNED = Planned(
    pairs=frozenset({("ann", "app")}),
    steps=(Step("ann", ('create role "ann";',)),),
    ended=frozenset({("eve", "app")}),
    notes=("there is no role 'x'",),
)
OUTCOME = Outcome(changed=True, planned=PLANNED, diff="-old\n+new\n", notes=PLANNED.notes)


def run(monkeypatch, pg_files, outcome: Outcome, *words: str):
    for name in ("sync", "look"):
        monkeypatch.setattr(roles_commands.work, name, lambda *_, **__: outcome)
    command = ["hba", "roles", "--data-dir", str(pg_files.data_dir), *words]
    return CliRunner().invoke(cli, command)


def test_a_plan_shows_diff_and_sql(monkeypatch, pg_files) -> None:
    result = run(monkeypatch, pg_files, OUTCOME, "--plan")
    assert result.exit_code == 0
    assert result.stdout == '-old\n+new\ncreate role "ann";\n'
    assert result.stderr.splitlines() == [
        "warning: there is no role 'x'",
        "sessions of eve as app would end",
    ]
    told = json.loads(run(monkeypatch, pg_files, OUTCOME, "--plan", "-o", "json").stdout)
    assert (told["dry_run"], told["sql"], told["diff"]) == (
        True,
        'create role "ann";',
        "-old\n+new",
    )


def test_a_round_is_told(monkeypatch, pg_files) -> None:
    result = run(monkeypatch, pg_files, Outcome(changed=True, planned=PLANNED, ended=2))
    assert result.stderr.splitlines() == [
        "changed the map and the roles: 1 pairs of a person and a role",
        "ended 2 sessions of people who lost the role",
    ]
    told = json.loads(run(monkeypatch, pg_files, OUTCOME, "-o", "json").stdout)
    assert (told["pairs"], told["removed"], told["warnings"]) == (
        [{"person": "ann", "role": "app"}],
        [{"person": "eve", "role": "app"}],
        ["there is no role 'x'"],
    )


def test_nothing_to_do_and_the_ca_away(monkeypatch, pg_files) -> None:
    assert "nothing would change" in run(monkeypatch, pg_files, Outcome(), "--plan").stderr
    assert "nothing to change" in run(monkeypatch, pg_files, Outcome()).stderr
    result = run(monkeypatch, pg_files, Outcome(away="it is away"))
    assert (result.exit_code, "so all stays as it is: it is away" in result.stderr) == (0, True)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(held="3 of 3 people would go"), "not done: 3 of 3 people would go"),
        (Outcome(unended=2), "2 sessions of people who lost the role have not ended"),
    ],
)
def test_what_was_not_done_is_an_error(monkeypatch, pg_files, outcome, said) -> None:
    result = run(monkeypatch, pg_files, outcome)
    assert (result.exit_code, f"pgward: {said}" in result.stderr) == (1, True), result.stderr
