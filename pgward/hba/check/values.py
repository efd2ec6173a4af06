"""Values of settings as PostgreSQL reads them (manual, section 19.1.1)."""

FIRST_WITH_STAGES = 18
_LOGINS = ("authentication", "authorization")


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


def stages(value: str) -> list[str]:
    """Return the stages of log_connections, which is a list of them from version 18 on."""
    return [each.strip().lower() for each in value.split(",") if each.strip()]


def lacking_stages(value: str, version: int) -> list[str]:
    """Return what log_connections lacks so that the log says who logged in, as whom and to what.

    Before version 18 it has no stages: it lacks what it would log when it is on.
    """
    if is_on(value):
        return []
    found = stages(value) if version >= FIRST_WITH_STAGES else []
    return [] if "all" in found else [each for each in _LOGINS if each not in found]
