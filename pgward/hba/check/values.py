"""Values of settings as PostgreSQL reads them (manual, section 19.1.1)."""


def is_on(value: str) -> bool:
    """Tell whether a boolean is true: unique beginnings count, case does not (``parse_bool``)."""
    text = value.lower()
    if text == "1" or (text and any(each.startswith(text) for each in ("true", "yes"))):
        return True
    return text == "on"


def is_boolean(value: str) -> bool:
    """Tell whether a boolean would take a value."""
    text = value.lower()
    words = ("true", "false", "yes", "no")
    return text in {"1", "0", "on", "of", "off"} or any(
        text and each.startswith(text) for each in words
    )
