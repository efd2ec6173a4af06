"""What a process does that holds keys, tokens or passwords in its memory."""

import ctypes
import os
import sys

_PR_SET_DUMPABLE = 4  # of linux/prctl.h


def keep_secrets() -> None:
    """Let nothing of this process's memory get into a core file, nor its files into others' hands.

    For processes of our own that live long: what it changes holds until they end (umask(2)).
    """
    os.umask(0o077)
    leave_no_core()


def leave_no_core() -> None:
    """Let nothing of this process's memory get into a core file (getrlimit(2)).

    The hard limit goes too, so that what it starts cannot raise it again.
    """
    try:
        import resource  # noqa: PLC0415 - not on every platform
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def hide_memory() -> None:
    """Let other processes of the same user look neither into this one's memory nor its environment.

    For servers, which hold in memory what stands in no file of theirs: passwords of databases, keys
    that a passphrase opened. No debugger gets in but root's (prctl(2), PR_SET_DUMPABLE). What is
    started later, by exec, is as open as ever.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl refuses")
