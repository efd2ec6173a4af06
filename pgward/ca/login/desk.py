"""What methods and gates work with."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pgward.ca.acts import Acts
from pgward.ca.identity.passwords import PasswordWorkers
from pgward.ca.keys.sealing import Sealer
from pgward.ca.limiting.throttle import LoginThrottle
from pgward.ca.settings import Settings
from pgward.ca.store import Store
from pgward.core.clock import Clock


@dataclass(frozen=True, slots=True)
class Desk:
    """One process's; ``monotonic`` gives seconds that never go back."""

    store: Store
    acts: Acts
    clock: Clock
    settings: Settings
    workers: PasswordWorkers
    throttle: LoginThrottle
    sealer: Sealer
    monotonic: Callable[[], float] = time.monotonic

    def now(self) -> datetime:
        """Return the wall-clock time."""
        return self.clock.now()
