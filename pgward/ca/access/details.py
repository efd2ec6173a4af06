"""Custom access details: words of an integration for those who connect to its services."""

import re
from collections.abc import Mapping
from typing import Final

_VARIABLE: Final = re.compile(r"\{(user|service|role|database)\}")


def filled(text: str, values: Mapping[str, str | None]) -> str:
    """Fill in ``user``, ``service``, ``role`` and ``database``; what there is not is empty.

    A value that has braces in it stays as it is.
    """
    return _VARIABLE.sub(lambda found: values.get(found[1]) or "", text)
