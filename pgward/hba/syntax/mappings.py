"""What a line of pg_ident.conf says, as one version reads it (``parse_ident_line`` in hba.c)."""

from dataclasses import dataclass

from pgward.hba.syntax import regexes
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.tokens import Field, Token
from pgward.hba.syntax.versions import Abilities

_PARTS = ("map", "name from outside", "database role")


@dataclass(frozen=True, slots=True)
class Mapping:
    """Who ``system`` is outside may be ``role`` inside, by the map of this name."""

    map: str
    system: Token
    role: Token


def read(fields: tuple[Field, ...], able: Abilities) -> Mapping:
    """Return the mapping of a line's fields; raise BadLineError for what PostgreSQL refuses.

    What follows the third field is nothing to PostgreSQL.
    """
    for number, what in enumerate(_PARTS):
        if number >= len(fields):
            raise BadLineError(f"the line ends before the {what}", number)
        if len(fields[number]) > 1:
            raise BadLineError(f"there is more than one {what}", number, 1)
    named, system, role = (fields[number][0] for number in range(len(_PARTS)))
    for number, token in ((1, system), (2, role)):
        if token.text.startswith("/") and (number == 1 or able.includes):
            try:
                regexes.compiled(token.text[1:], able.version)
            except regexes.BadRegexError as error:
                raise BadLineError(str(error), number) from None
    return Mapping(named.text, system, role)
