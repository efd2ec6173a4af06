"""A file that holds a secret: not for everyone on the machine to read."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pgward.core.errors import InvalidInputError, NotFoundError

_OTHERS = 0o007


@contextmanager
def opened(path: Path, what: str) -> Iterator[BinaryIO]:
    """Open it, be it a FIFO; ``what`` names the secret in errors, which never hold any of it.

    Raises NotFoundError, and InvalidInputError when others may read it or we may not.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & _OTHERS:
                raise InvalidInputError(
                    f"everyone on this machine may read or change {path}", hint=f"chmod 600 {path}"
                )
            yield file
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no {what} file {path}",
            hint="put it there, or change what names that path",
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidInputError(
            f"the {what} cannot be read: {reason}",
            where=str(path),
            hint="it must belong to the account that runs this",
        ) from error
