"""Names of PostgreSQL roles that may stand in a resource, and those that nobody is mapped to.

A name is taken as it stands: ``all``, ``+group`` and the like are names here and nothing else.
"""

import re
import unicodedata

from pgward.core.errors import InvalidInputError

OWN = "{user}"
"""What stands for the role that is called as the person."""
MAX_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts what is longer
_NEVER = frozenset({"public", "none"})  # PostgreSQL makes no role of such a name
_SUPERUSERS = frozenset(
    {
        *("postgres", "rdsadmin", "rds_superuser", "cloudsqladmin", "cloudsqlsuperuser"),
        *("azuresu", "azure_superuser", "azure_pg_admin", "alloydbsuperuser", "enterprisedb"),
        *("cockroach", "yugabyte", "root"),
    }
)
# Whoever is a member of one of these becomes a superuser by a detour.
_AS_GOOD_AS = frozenset(
    {"pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"}
)
_SYSTEM = "pg_"
# Letters of other scripts that look like one of ours.
_ALIKE = str.maketrans("аеорсухіјѕѵԁһӏοανρτυικ", "aeopcyxijsvdhloavptuik")
_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")


def role_name(name: str) -> str:
    """Return ``name`` if it may name a role; raise InvalidInputError."""
    if not name or len(name.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise InvalidInputError(f"{name!r} is no role's name", hint=f"1 to {MAX_BYTES} bytes")
    if not name.isprintable() or name != name.strip() or re.search(r"[^\S ]", name):
        raise InvalidInputError(
            f"{name!r} is no role's name", hint="no control characters, no blanks at either end"
        )
    if name != unicodedata.normalize("NFKC", name):
        raise InvalidInputError(f"{name!r} has letters that are not what they look like")
    if name.startswith("/"):
        # Version 16 and later take it for a regular expression, even in quotes.
        raise InvalidInputError(f"{name!r} would be a regular expression")
    if name != OWN and ("{" in name or "}" in name):
        raise InvalidInputError(f"{name!r} is no role's name", hint=f"{OWN} is the person's own")
    if name.casefold() in _NEVER:
        raise InvalidInputError(f"{name!r} is a name that PostgreSQL keeps for itself")
    _check_looks(name)
    return name


def is_privileged(name: str) -> bool:
    """Tell whether a role of this name is a superuser, or of PostgreSQL itself, by all we know."""
    return name.startswith(_SYSTEM) or name in _SUPERUSERS


def makes_superuser(name: str) -> bool:
    """Tell whether a member of the role is, or can make itself, a superuser."""
    return name in _SUPERUSERS or name in _AS_GOOD_AS


def _check_looks(name: str) -> None:
    """Refuse what looks like another name, above all like a superuser's."""
    scripts = {_script(letter) for letter in name if letter.isalpha()}
    if len(scripts & set(_SCRIPTS)) > 1:
        raise InvalidInputError(f"{name!r} mixes letters of several scripts that look alike")
    plain = name.casefold().translate(_ALIKE)
    looks = next(
        (each for each in sorted(_SUPERUSERS | _AS_GOOD_AS) if each == plain and each != name), None
    )
    if looks is None and plain.startswith(_SYSTEM) and not name.startswith(_SYSTEM):
        looks = _SYSTEM
    if looks is not None:
        raise InvalidInputError(f"{name!r} looks like {looks}")


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
