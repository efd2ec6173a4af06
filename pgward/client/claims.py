"""Which files of a spool are whose: processes that drain, die or are no longer wanted leave some.

Whoever writes ``NAME.jsonl`` holds ``NAME.lock``. The kernel lets go of it when the process
ends, so files that nobody holds are leftovers, and anyone may deliver them.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from pgward.core.errors import UnavailableError
from pgward.system.files import FileLock, StorageError

log = logging.getLogger("pgward.spool")

SUFFIXES = (".sending", ".jsonl")  # the older first


def claim(directory: Path, name: str, held: ExitStack) -> str:
    """Return a name whose files are ours until ``held`` is closed.

    It is ``name``, or one after it while another process has that, as an edge does that
    still drains.
    """
    for number in count():
        candidate = f"{name}-{number}" if number else name
        try:
            held.enter_context(FileLock(_lock(directory, candidate), timeout=0))
        except UnavailableError:
            continue
        except StorageError as error:
            log.error("%s; do not serve twice from this directory", error.message)
        return candidate
    raise AssertionError("unreachable: the numbers do not end")


@contextmanager
def leftovers(directory: Path) -> Iterator[list[Path]]:
    """Give the files that nobody holds, the older of each name first, and hold them meanwhile."""
    with ExitStack() as held:
        names = sorted({path.stem for path in directory.iterdir() if path.suffix in SUFFIXES})
        free = [name for name in names if _is_free(directory, name, held)]
        paths = [directory / f"{name}{suffix}" for name in free for suffix in SUFFIXES]
        yield [path for path in paths if path.exists()]


def _is_free(directory: Path, name: str, held: ExitStack) -> bool:
    try:
        held.enter_context(FileLock(_lock(directory, name), timeout=0))
    except (UnavailableError, StorageError):
        return False
    return True


def _lock(directory: Path, name: str) -> Path:
    return directory / f"{name}.lock"
