"""What a file is beside its content: owner, group, mode, ACL, SELinux label, other attributes.

A file that is replaced by a rename is a new one: without this its label would come from its
directory, and its ACL be gone.
"""

import contextlib
import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_NEVER = frozenset({"security.capability", "security.ima", "security.evm"})
"""These speak of the content, or give rights to it."""
_OTHERS = ("security.", "trusted.")
"""Where a system decides by itself who may write attributes, or whether it has them."""
_REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL})
AsRoot = Callable[[], AbstractContextManager[bool]]
"""Acts as root for a moment; gives whether that is so."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """Those of one file."""

    owner: int
    group: int
    mode: int
    extended: dict[str, bytes]

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Return them, or None without a file; raise OSError."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        return cls(status.st_uid, status.st_gid, status.st_mode & 0o777, _extended(path))

    def put_on(self, descriptor: int, as_root: AsRoot) -> None:
        """Give them to a file of ours that is not in its place yet.

        Raises OSError where its owner or group cannot be kept.
        """
        os.fchmod(descriptor, self.mode)
        for name in _extended(descriptor).keys() - self.extended.keys():
            with contextlib.suppress(OSError):  # a default ACL of the directory, for one
                os.removexattr(descriptor, name)
        for name, value in self.extended.items():
            _set(descriptor, name, value, as_root)
        made = os.fstat(descriptor)
        if (made.st_uid, made.st_gid) != (self.owner, self.group):  # last: then it is not ours
            self._give(descriptor, as_root)

    def _give(self, descriptor: int, as_root: AsRoot) -> None:
        try:
            os.fchown(descriptor, self.owner, self.group)
        except PermissionError as error:
            with as_root() as root:
                if not root:
                    raise PermissionError(
                        errno.EPERM,
                        f"its owner (uid {self.owner}) and group (gid {self.group}) can only be "
                        "kept by root",
                    ) from error
                os.fchown(descriptor, self.owner, self.group)


def _extended(place: Path | int) -> dict[str, bytes]:
    """Return what there is; nothing where the system knows none (macOS, some file systems)."""
    if not hasattr(os, "listxattr"):
        return {}
    found: dict[str, bytes] = {}
    try:
        for name in os.listxattr(place):
            if name not in _NEVER:
                found[name] = os.getxattr(place, name)
    except OSError as error:
        if error.errno not in {errno.ENOTSUP, errno.ENODATA}:
            raise
    return found


def _set(descriptor: int, name: str, value: bytes, as_root: AsRoot) -> None:
    try:
        os.setxattr(descriptor, name, value)
    except OSError as error:
        if not name.startswith(_OTHERS) or error.errno not in _REFUSALS:
            raise
        with as_root() as root, contextlib.suppress(OSError):
            if root:
                os.setxattr(descriptor, name, value)
