"""The launchd job of the agent on macOS. Pure."""

import plistlib
from collections.abc import Mapping, Sequence

LABEL = "org.pgward.agent"
FILE = f"{LABEL}.plist"


def job(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the property list's text (launchd.plist(5))."""
    values = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 5,
        "ProcessType": "Background",
        "Umask": 0o077,
        "HardResourceLimits": {"Core": 0},
        "SoftResourceLimits": {"Core": 0},
    }
    if not environment:
        del values["EnvironmentVariables"]
    return plistlib.dumps(values, sort_keys=False).decode()
