import asyncio

import pytest
from fastapi import Request
from pydantic import Field
from starlette.exceptions import HTTPException

from pgward.ca.resources.fields import FieldsError
from pgward.portal.web import forms
from pgward.portal.web.forms import Form

TYPE = "application/x-www-form-urlencoded"


class Sample(Form):
    name: str = Field(max_length=5)
    groups: list[str] = Field(default=[])
    count: int = 1


def texts(body, kind=TYPE):
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", kind.encode())]
    return asyncio.run(forms.texts(Request({"type": "http", "headers": headers}, receive)))


def test_fields_are_read_as_browsers_send_them():
    found = texts(b"name=a+%C3%A9&groups=x&groups=y&empty=&text=a%0D%0Ab")
    assert found == {"name": ["a é"], "groups": ["x", "y"], "empty": [""], "text": ["a\nb"]}
    assert texts(b"") == {}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=1", "application/json", 415),
        (b"a=1", "multipart/form-data; boundary=x", 415),
        (b"a=1", "text/plain", 415),
        (b"a", TYPE, 400),
        (b"a=%ff", TYPE, 400),
        (b"a=\xff", TYPE, 400),
        (b"a=%00", TYPE, 400),
        (b"&".join([b"a=1"] * 201), TYPE, 400),
    ],
)
def test_what_is_no_form_is_refused(body, kind, status):
    with pytest.raises(HTTPException) as caught:
        texts(body, kind)
    assert caught.value.status_code == status


def test_a_form_has_known_fields():
    found = forms.read(Sample, {"name": ["x"], "groups": ["y"], "count": ["3"], "csrf": ["t"]})
    assert (found.name, found.groups, found.count) == ("x", ["y"], 3)
    assert forms.read(Sample, {"name": ["x"]}).groups == []


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": ["toolong"]}, "name"),
        ({"name": ["a", "b"]}, "name"),
        ({}, "name"),
        ({"name": ["x"], "other": ["y"]}, "other"),
        ({"name": ["x"], "count": ["many"]}, "count"),
    ],
)
def test_what_is_wrong_is_named(given, path):
    with pytest.raises(FieldsError) as caught:
        forms.read(Sample, given)
    assert [each.path for each in caught.value.fields] == [path]
