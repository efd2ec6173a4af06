"""The kind Secret: what is expected of a secret's value, which itself is in no file."""

from typing import Literal

from pgward.ca.resources.durations import Duration
from pgward.ca.resources.model import Metadata, Model


class SecretSpec(Model):
    """How old a value may become before whoever looks is told; `pgward secret` makes the value."""

    max_age: Duration | None = None


class Secret(Model):
    """A resource of kind Secret."""

    kind: Literal["Secret"]
    metadata: Metadata
    spec: SecretSpec
