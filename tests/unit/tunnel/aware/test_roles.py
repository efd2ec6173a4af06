"""The tables of the inspector of answers."""

from pgward.pgwire.states import (
    BIND,
    BIND_COMPLETE,
    COMMAND_COMPLETE,
    COPY_DATA,
    DATA_ROW,
    ENDING,
    ERROR,
    EXECUTE,
    NOTICE,
    READY,
    UNTAPED,
)
from pgward.tunnel.aware import roles


def test_every_message_has_its_role_and_nothing_else_has_one():
    known = {kind for kind in range(256) if roles.ROLES[kind] != roles.NO_MESSAGE}
    assert known == ENDING | UNTAPED
    expected = {
        COPY_DATA: roles.COPIED,
        DATA_ROW: roles.PASSED,
        NOTICE: roles.PASSED,
        COMMAND_COMPLETE: roles.TAPED,
        READY: roles.DONE,
        ERROR: roles.RARE,
    }
    assert {kind: roles.ROLES[kind] for kind in expected} == expected


def test_what_one_message_answers():
    assert roles.ASKED[BIND_COMPLETE] == BIND
    assert roles.ASKED[COMMAND_COMPLETE] == EXECUTE
    assert roles.ASKED[READY] == 0
