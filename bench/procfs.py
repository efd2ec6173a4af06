"""CPU time and memory of process trees, from /proc (proc(5))."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

_ATTEMPTS = 10
_TICKS = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU time in seconds."""

    user: float
    system: float

    @property
    def total(self) -> float:
        return self.user + self.system

    def __add__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.user + other.user, self.system + other.system)

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.user - other.user, self.system - other.system)


def parse_stat(text: str, ticks_per_second: int) -> Cpu:
    """Read /proc/PID/stat: all threads, and the children that ended and were waited for."""
    # The second field is the command in parentheses and may hold spaces and parentheses.
    fields = text[text.rindex(")") + 2 :].split()
    utime, stime, cutime, cstime = (int(field) for field in fields[11:15])
    return Cpu((utime + cutime) / ticks_per_second, (stime + cstime) / ticks_per_second)


def parse_pss(text: str) -> int:
    """Read the proportional set size, in bytes, out of /proc/PID/smaps_rollup."""
    found = _PSS.search(text)
    if found is None:
        raise ValueError("no Pss line in smaps_rollup")
    return int(found[1]) * 1024


def tree(pids: Iterable[int]) -> list[int]:
    """Return ``pids`` and all their living descendants."""
    found: dict[int, None] = {}
    for pid in pids:
        found[pid] = None
        found.update((child.pid, None) for child in psutil.Process(pid).children(recursive=True))
    return list(found)


def cpu(pids: Iterable[int]) -> Cpu:
    """Return the CPU time that the trees under ``pids`` have used so far."""
    roots = tuple(pids)
    for _ in range(_ATTEMPTS):
        try:
            return _cpu(roots)
        except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
            pass  # a child ended meanwhile: what it used is its parent's now
    return _cpu(roots)


def _cpu(pids: Iterable[int]) -> Cpu:
    stats = (Path(f"/proc/{pid}/stat").read_text() for pid in tree(pids))
    return sum((parse_stat(text, _TICKS) for text in stats), Cpu(0.0, 0.0))


def pss(pids: Iterable[int]) -> int:
    """Return the memory in bytes of the trees under ``pids``; shared pages count by share."""
    return sum(
        parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
        for pid in tree(pids)
    )
