"""An account of an integration's server whose password pgward changes."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pgward.ca.resources.durations import duration
from pgward.ca.resources.model import Label, Model, checked
from pgward.ca.resources.upstream import Role
from pgward.core.errors import InvalidInputError

OFF = "off"
_LEAST_EVERY = "1h"


def _every(value: str) -> str:
    if value != OFF and duration(value) < duration(_LEAST_EVERY):
        raise InvalidInputError(f"{value} is less than {_LEAST_EVERY}")
    return value


def _word(value: Any) -> Any:
    """Take YAML's bare ``off``, which it reads as false, for what is written."""
    return OFF if value is False else value


class Account(Model):
    """Whose password changes, every so often, and in which secret it is kept."""

    user: Role
    secret: Label
    every: Annotated[str, BeforeValidator(_word), checked(_every)] = "30d"
    length: Annotated[int, Field(ge=16, le=128)] = 32
    alphabet: Literal["alphanumeric", "symbols"] = "alphanumeric"

    @property
    def seconds(self) -> int | None:
        """Return how often; None for when somebody asks only."""
        return None if self.every == OFF else int(duration(self.every).total_seconds())
