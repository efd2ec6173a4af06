"""When a person must hear of something, and in which words. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

SOON = timedelta(minutes=15)
# An edge that ends one connection after the other is told of once in a while.
CUT_PAUSE = timedelta(minutes=10)
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Notice:
    """One message; ``urgent`` stays on the screen where the desktop can do that."""

    title: str
    body: str
    urgent: bool = False


@dataclass(slots=True)
class Notices:
    """Remembers what was told, so that each thing is told once."""

    _login: str | None = None
    _soon_at: datetime | None = None
    _ended: bool = True  # a login that was over before the agent began is no news
    _refused: str | None = None
    _cut_at: dict[str, datetime] = field(default_factory=dict)

    def of_login(self, ends: tuple[str, datetime] | None, now: datetime) -> Notice | None:
        """Return what to tell of the login (its id and end), if it is time for that.

        A login that is short is told of at half of it. A person who logged out knows.
        """
        if ends is None:
            self._login = None
            return None
        login, end = ends
        if login != self._login:
            self._login, self._ended = login, end <= now
            self._soon_at = max(end - SOON, now + (end - now) / 2)
        if self._ended:
            return None
        if end <= now:
            self._ended = True
            return Notice("pgward: your login has ended", "pgward login", urgent=True)
        if self._soon_at is not None and now >= self._soon_at:
            self._soon_at = None
            minutes = max(1, round((end - now) / timedelta(minutes=1)))
            text = f"in {minutes} minute{'' if minutes == 1 else 's'}; pgward login goes on"
            return Notice("pgward: your login ends soon", text)
        return None

    def of_refusal(self, login: str, message: str) -> Notice | None:
        """Return what to tell of a login that counts no more before its end, once for each."""
        if not self.is_first_refusal(login):
            return None
        return Notice("pgward: your login counts no more", message[:LONGEST], urgent=True)

    def is_first_refusal(self, login: str) -> bool:
        """Tell whether nobody heard yet that this login counts no more; now somebody does."""
        before, self._refused = self._refused, login
        return before != login

    def of_cut(self, service: str, message: str, now: datetime) -> Notice | None:
        """Return what to tell of a connection that an edge ended, if it is news."""
        before = self._cut_at.get(service)
        if before is not None and before <= now < before + CUT_PAUSE:
            return None
        self._cut_at[service] = now
        return Notice(f"pgward: {service}", f"a connection was ended: {message}"[:LONGEST])
