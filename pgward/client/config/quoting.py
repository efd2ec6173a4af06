"""Text as literals of the languages that configurations are written in.

Facts hold no control character and no line separator, so these need to know quotes,
backslashes and whatever begins an interpolation.
"""

import json
import shlex
from urllib.parse import quote
from xml.sax.saxutils import quoteattr


def shell(text: str) -> str:
    """Return one word for a POSIX shell."""
    return shlex.quote(text)


def double(text: str) -> str:
    """Return a string in double quotes for JSON, JavaScript, Python, Go, C# and YAML."""
    return json.dumps(text, ensure_ascii=False)


def single(text: str) -> str:
    """Return a string in single quotes for Perl, PHP and Ruby, which interpolate nothing there."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def url(text: str, *, safe: str = "") -> str:
    """Return a part of a URL; a space becomes %20 and a plus %2B, which all readers agree on."""
    return quote(text, safe=safe)


def xml(text: str) -> str:
    """Return an attribute's value for XML, with its quotes."""
    return quoteattr(text)


def ado(text: str) -> str:
    """Return a value of an ADO.NET connection string."""
    if text and not any(character in " ;'\"=" for character in text):
        return text
    return '"' + text.replace('"', '""') + '"'
