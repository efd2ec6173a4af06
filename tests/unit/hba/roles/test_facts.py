import json

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.roles.facts import Facts, Mark, Role

ROW = {
    "name": 'we"ird\u001f',
    "super": False,
    "login": True,
    "limit": 3,
    "more": False,
    "reaches": True,
    "members": ["staff"],
    "owns": True,
    "comment": Mark("ann@example.com", "pgward", ("staff",)).text(),
}


def test_rows_are_read():
    facts = Facts.read([json.dumps(ROW), json.dumps({"recovery": True})])
    role = Role(
        'we"ird\u001f',
        reaches_superuser=True,
        limit=3,
        member_of=frozenset({"staff"}),
        owns=True,
        mark=Mark("ann@example.com", "pgward", ("staff",)),
    )
    assert facts == Facts({role.name: role}, writable=False)


def test_comments_that_are_no_marks():
    comments = [
        *(None, "", "mine", "managed by pgward: ", "managed by pgward: {}"),
        "managed by pgward: " + "[" * 100_000,
        'managed by pgward: {"person": "a", "map": "m", "memberOf": 3}',
    ]
    assert [Mark.read(comment) for comment in comments] == [None] * len(comments)


@pytest.mark.parametrize("row", ["", "Timing is on.", "{}", "[1]", '{"name": 1'])
def test_what_is_no_answer(row):
    with pytest.raises(PgwardError, match="cannot be read"):
        Facts.read([row])
