"""Text as roff, the language of manual pages (groff_man(7)): pure."""

import re

_SPECIAL = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)
_PUNCTUATION = {"\u2026": "...", "\u2192": r"\(->", "\u2013": r"\(en", "\u2014": r"\(em"}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def escape(text: str) -> str:
    """Return text that roff shows as it is: no escape, request or control of it is read."""
    clean = _CONTROL.sub("", text).translate(_SPECIAL)
    for letter, named in _PUNCTUATION.items():
        clean = clean.replace(letter, named)
    return "\n".join(_line(line) for line in clean.split("\n"))


def _line(line: str) -> str:
    line = "".join(letter if ord(letter) < 128 else rf"\[u{ord(letter):04X}]" for letter in line)  # noqa: PLR2004 - ASCII
    # A point or an apostrophe at the start of a line would be a request.
    return rf"\&{line}" if line.startswith((".", "'")) else line


def quote(text: str) -> str:
    """Return text as one argument of a macro."""
    return '"' + escape(text.replace("\n", " ")).replace('"', r"\(dq") + '"'


def paragraphs(text: str) -> str:
    """Return a help text: empty lines part paragraphs, click's mark keeps lines as they are."""
    written = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        kept, _, rest = block.partition("\b\n")
        if rest and not kept.strip():
            written.append(f".PP\n.nf\n{escape(rest)}\n.fi")
        else:
            written.append(f".PP\n{escape(' '.join(block.split()))}")
    return "\n".join(written)
