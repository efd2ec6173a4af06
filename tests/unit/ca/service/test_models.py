from collections.abc import Iterator
from typing import Annotated

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.service import app
from pgward.ca.service.models import Body, Password, Time, UserDetail, UserSummary
from tests.fixtures.authority import START


class _Reply(BaseModel):
    at: Time


class _Request(Body):
    password: Password


def test_times_leave_as_rfc_3339():
    assert _Reply(at=START).model_dump(mode="json") == {"at": "2026-11-21T12:00:00Z"}


def test_a_password_shows_nowhere():
    assert "s3cret" not in repr(_Request(password="s3cret word"))
    with pytest.raises(ValidationError) as caught:
        _Request(password="s3cret" * 1000)
    assert "s3cret" not in str(caught.value)


def test_a_password_is_text():
    with pytest.raises(ValidationError, match="is not valid text") as caught:
        _Request(password="s3cret\ud800")
    assert "s3cret" not in str(caught.value)


def test_people_see_less_of_a_person_than_administrators(store):
    with store.write() as transaction:
        new = NewUser("alice", "Alice", "a@x", ["dba"], "hash")
        user = directory.add(transaction, new, now=START, by="root")
    assert UserSummary.of(user).model_dump() == {
        "name": "alice",
        "full_name": "Alice",
        "groups": ["dba"],
        "administrator": False,
    }
    assert UserDetail.of(user).model_dump(mode="json") == {
        "name": "alice",
        "full_name": "Alice",
        "groups": ["dba"],
        "administrator": False,
        "email": "a@x",
        "blocked": False,
        "blocked_at": None,
        "blocked_reason": None,
        "created_at": "2026-11-21T12:00:00Z",
        "created_by": "root",
        "password_changed_at": "2026-11-21T12:00:00Z",
        "valid_from": None,
        "valid_until": None,
        "must_change_password": False,
    }


def bodies(of: type[Body] = Body) -> Iterator[type[Body]]:
    for each in of.__subclasses__():
        yield each
        yield from bodies(each)


def test_no_body_takes_a_number_for_yes_or_no():
    assert app.create_app  # the routes, and so all bodies, are imported
    flags = {
        f"{each.__name__}.{name}": TypeAdapter(Annotated[field.annotation, "", *field.metadata])
        for each in bodies()
        for name, field in each.model_fields.items()
        if "bool" in str(field.annotation)
    }
    assert "AskBody.break_glass" in flags
    for name, flag in flags.items():
        with pytest.raises(ValidationError):
            pytest.fail(f"{name} takes {flag.validate_python(0)}")
