import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from pgward.ca.resources import fields
from pgward.ca.resources.fields import FieldError, FieldsError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    many: list[Inner] = []
    one: Inner | None = None


def _explained(body):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(body)
    return fields.explain(caught.value.errors(), Outer).fields


@pytest.mark.parametrize(
    ("location", "text"),
    [((), ""), (("spec",), "spec"), (("a", "b", 0, "c"), "a.b[0].c"), ((1, "x"), "[1].x")],
)
def test_paths_read_as_people_write_them(location, text):
    assert fields.path_of(location) == text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"mny": []}, FieldError("mny", "is not a field; did you mean many?")),
        ({"zzz": 1}, FieldError("zzz", "is not a field; known are many, one")),
        (
            {"many": [{"size": 1, "sise": 2}]},
            FieldError("many[0].sise", "is not a field; did you mean size?"),
        ),
        (
            {"one": {"size": 1, "siz": 2}},
            FieldError("one.siz", "is not a field; did you mean size?"),
        ),
    ],
)
def test_unknown_fields_get_the_nearest_name_of_their_place(body, expected):
    assert _explained(body) == (expected,)


def test_the_error_is_about_the_first_and_counts_the_rest():
    error = FieldsError([FieldError("a", "is missing"), FieldError("b", "is missing")])
    assert str(error) == "a is missing (and 1 more)"


def test_endless_errors_are_cut():
    assert len(_explained({f"x{number}": 1 for number in range(500)})) == 20
