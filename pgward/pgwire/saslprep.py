"""A password made ready for SCRAM: SASLprep (RFC 4013), as PostgreSQL does it.

PostgreSQL takes a password as it is where SASLprep would refuse it (src/common/saslprep.c,
src/interfaces/libpq/fe-auth-scram.c), so this never fails.
"""

import stringprep
import unicodedata

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,  # not assigned in Unicode 3.2
)


def prepared(password: bytes) -> bytes:
    """Return what SCRAM hashes of a password."""
    if password.isascii():
        return password
    try:
        text = password.decode("utf-8")
    except UnicodeDecodeError:
        return password
    mapped = "".join(map(_mapped, text))
    # Python's own 3.2 tables, so that both ends agree whatever Unicode they know.
    made = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not made or any(refuses(each) for each in made for refuses in _PROHIBITED):
        return password
    return made.encode("utf-8") if _is_one_way(made) else password


def _mapped(letter: str) -> str:
    if stringprep.in_table_c12(letter):
        return " "
    return "" if stringprep.in_table_b1(letter) else letter


def _is_one_way(text: str) -> bool:
    """Tell whether letters from right to left stand for themselves (RFC 3454, section 6)."""
    if not any(map(stringprep.in_table_d1, text)):
        return True
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return ends and not any(map(stringprep.in_table_d2, text))
