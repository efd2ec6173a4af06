"""Where a person's files are."""

import os
from pathlib import Path


def pgward_home() -> Path:
    """Return the directory of all of this user's files; ``PGWARD_HOME`` moves it."""
    override = os.environ.get("PGWARD_HOME")
    if override:
        return Path(override).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - only here, and psql must start at once

    return platformdirs.user_config_path("pgward")
