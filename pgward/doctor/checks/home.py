"""PGWARD_HOME: ours alone, and there is room."""

import os
import shutil
import stat

from pgward.client.home import Home
from pgward.doctor.finding import Finding, fail, ok, warn
from pgward.doctor.patient import Patient
from pgward.system.files import StorageError, prove_writable

CHECK = "home"
_SCARCE = 16 * 1024 * 1024
_MOVE = "set PGWARD_HOME to a directory of your own"


def look(patient: Patient) -> Finding:
    """See whose it is, who else may enter, and whether it takes a file."""
    directory = patient.home.directory
    try:
        status = directory.stat()
    except FileNotFoundError:
        return fail(
            CHECK,
            f"{directory} is not there yet",
            "nobody has logged in here, or PGWARD_HOME names another place than it did then",
            "pgward login --ca https://HOST:PORT --fingerprint SHA256:…",
            4,
        )
    except OSError as error:
        return fail(CHECK, f"cannot look at {directory}: {error.strerror}", hint=_MOVE)
    if not stat.S_ISDIR(status.st_mode):
        return fail(CHECK, f"{directory} is no directory", hint=_MOVE)
    if status.st_uid != os.geteuid():
        return fail(
            CHECK,
            f"{directory} belongs to another user (uid {status.st_uid})",
            "whoever owns it can read and replace your keys; sudo may have changed HOME",
            _MOVE,
        )
    return _kept_well(patient.home, stat.S_IMODE(status.st_mode))


def _kept_well(home: Home, mode: int) -> Finding:
    directory = home.directory
    if mode & 0o077:
        return fail(
            CHECK,
            f"others may enter {directory} (mode {mode:04o})",
            "your keys are in it",
            f"chmod 0700 {directory}; if others have been there: pgward logout, pgward login",
        )
    key = home.paths.key
    if key.exists() and stat.S_IMODE(key.stat().st_mode) & 0o077:
        return fail(
            CHECK,
            f"others may read {key}",
            "libpq refuses to use such a key",
            f"chmod 0600 {key}",
        )
    try:
        prove_writable(directory)
    except StorageError as error:
        return fail(
            CHECK,
            error.message,
            "without it no certificate can be renewed",
            "make room on that disk, or see why it is read-only",
        )
    free = shutil.disk_usage(directory).free
    if free < _SCARCE:
        return warn(
            CHECK,
            f"{directory} has {free // 1024} KiB left",
            "renewals will fail when it is full",
            "make room on that disk",
        )
    return ok(CHECK, f"{directory} is yours alone and can be written")
