"""What all kinds of resources have in common: strict models, metadata, kinds of fields.

Unknown fields are refused: a misspelt limit must not be a limit that is not there.
"""

from collections.abc import Callable, Collection
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from pgward.core import names
from pgward.core.errors import InvalidInputError

MAX_LIST = 1000
# How often providers are asked again, and how long renewals go on while they cannot be asked.
REFRESH_MINUTES, GRACE_MINUTES = 10, 240


def checked(check: Callable[[str], str]) -> AfterValidator:
    """Make pydantic understand our validators, which raise InvalidInputError."""

    def validate(value: str) -> str:
        try:
            return check(value)
        except InvalidInputError as error:
            hint = f" ({error.hint})" if error.hint else ""
            raise ValueError(f"is not valid: {error.message}{hint}") from error

    return AfterValidator(validate)


def words(value: str) -> str:
    """Refuse what could disguise itself where it is shown; several lines are fine."""
    if not all(letter.isprintable() or letter == "\n" for letter in value):
        raise InvalidInputError("it has control characters, or such that reorder text")
    return value


Person = Annotated[str, checked(names.identity)]
Label = Annotated[str, checked(names.resource_name)]
LabelValue = Annotated[str, Field(max_length=200), checked(words)]
Labels = Annotated[dict[Label, LabelValue], Field(max_length=50)]
Minutes = Annotated[int, Field(ge=1, le=24 * 60)]


class Model(BaseModel):
    """camelCase, strict types, and no unknown fields."""

    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=to_camel, hide_input_in_errors=True
    )


class People(Model):
    """People, by name or by group."""

    users: Annotated[list[Person], Field(max_length=MAX_LIST)] = Field(default_factory=list)
    groups: Annotated[list[Label], Field(max_length=MAX_LIST)] = Field(default_factory=list)

    def names(self, user: str, groups: Collection[str]) -> bool:
        """Tell whether it names this person; names without regard to case."""
        named = user.lower() in {each.lower() for each in self.users}
        return named or not set(groups).isdisjoint(self.groups)


class Metadata(Model):
    """What every resource has; what the authority itself writes is accepted and ignored.

    ``version`` guards a change: when given, it must be the stored one.
    """

    name: Label
    description: Annotated[str, Field(max_length=500), checked(words)] = ""
    version: int | None = None
    created_at: str | None = None
    created_by: str | None = None
    updated_at: str | None = None
    updated_by: str | None = None
