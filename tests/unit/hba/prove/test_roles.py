from datetime import UTC, datetime

import pytest

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.hba.prove import roles
from pgward.hba.prove.roles import Known

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Fake:
    """A session that answers by the beginning of a query."""

    def __init__(self, **answers) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.begun = ""

    def begin(self, sql: str) -> None:
        self.begun = sql

    def query(self, sql: str):
        self.asked.append(sql)
        found = [rows for word, rows in self.answers.items() if word in sql]
        return found[0] if found else []


def test_a_role_may_nothing() -> None:
    admin = Fake()
    name = roles.new_name()
    made = roles.make(admin, name, NOW, ["team"])
    (sql,) = admin.asked
    for word in ("nosuperuser", "nocreatedb", "nocreaterole", "noreplication"):
        assert word in sql
    assert "valid until  E'2026-11-21T12:15:00Z'" in sql
    assert f"comment on role \"{name}\" is  E'{roles.MARK}'" in sql
    assert f'grant "team" to "{name}"' in sql
    assert made.password not in sql
    assert made.password not in repr(made)


@pytest.mark.parametrize("name", ["postgres", "pgward_prove_", 'pgward_prove_00112233"; drop'])
def test_no_other_name_is_made(name) -> None:
    admin = Fake(pg_try_advisory_lock=[["t"]])
    with pytest.raises(InvalidInputError):
        roles.claim(admin, [roles.new_name(), name])
    assert len(admin.asked) == 1


def test_a_name_that_another_run_has() -> None:
    with pytest.raises(PgwardError, match="another run has a role of that name"):
        roles.claim(Fake(pg_try_advisory_lock=[["f"]]), [roles.new_name()])


def test_a_second_session_waits_for_both_before_it_removes_any() -> None:
    second, names = Fake(), [roles.new_name(), roles.new_name()]
    roles.remove_later(second, names)
    waiting = second.begun.split("; ")
    assert [each.split("(")[0] for each in waiting[:2]] == [
        "select pg_catalog.pg_advisory_lock"
    ] * 2
    assert waiting[2:4] == [f'drop role if exists "{name}"' for name in names]


def test_what_is_swept_is_marked_named_so_and_dead() -> None:
    dead, alive, others, odd = (f"pgward_prove_{each * 16}" for each in "abcd")
    rows = [[dead, roles.MARK], [alive, roles.MARK], [others, None], ["pgward_x", roles.MARK]]
    admin = Fake(
        shobj_description=[*rows, [f'{odd}"', roles.MARK]],
        **{f"lock({roles._key(dead)})": [["t"]], f"lock({roles._key(alive)})": [["f"]]},
    )
    assert roles.sweep(admin) == [dead]
    assert [sql for sql in admin.asked if sql.startswith("drop")] == [
        f'drop role if exists "{dead}"'
    ]


def test_who_is_there() -> None:
    rows = [["ann", "f", "t", "team"], ["ann", "f", "t", "all"], ["root", "t", "t", None]]
    found = roles.known(Fake(pg_roles=[*rows, ["team", "f", "f", None]]))
    assert found == Known(
        {"ann": frozenset({"team", "all"}), "root": frozenset(), "team": frozenset()},
        superusers=frozenset({"root"}),
        logins=frozenset({"ann", "root"}),
    )


def test_a_lock_fits_a_bigint() -> None:
    keys = {roles._key(roles.new_name()) for _ in range(50)}
    assert len(keys) == 50
    assert all(-(2**63) <= key < 2**63 for key in keys)
