"""What a process does that holds keys, tokens or passwords in its memory."""

import os


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
