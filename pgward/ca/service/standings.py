"""How login certificates stand, for machines on which database sessions run."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from pgward.ca.identity.standings import CertificateStanding
from pgward.ca.service.models import Time

MOST_ASKED = 1000
Serial = Annotated[str, Field(pattern="^[0-9a-f]{1,40}$")]
Serials = Annotated[list[Serial], Field(default_factory=list, max_length=MOST_ASKED)]


class CertificateInfo(BaseModel):
    """A login certificate; ``over`` is why sessions that began with it must end."""

    serial: str
    not_after: Time
    over: str | None


def listed(found: Sequence[CertificateStanding]) -> list[CertificateInfo]:
    """Return what is told of certificates."""
    return [
        CertificateInfo(serial=each.serial, not_after=each.not_after, over=each.over)
        for each in found
    ]
