"""Where a person's files are."""

import os
from pathlib import Path

import platformdirs


def pgward_home() -> Path:
    """Return the directory of all of this user's files; ``PGWARD_HOME`` moves it."""
    override = os.environ.get("PGWARD_HOME")
    if override:
        return Path(override).expanduser().absolute()
    return platformdirs.user_config_path("pgward")
