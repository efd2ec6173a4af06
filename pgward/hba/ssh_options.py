"""The options of ``host_options``, and those that reach a host by SSH."""

import functools
from typing import Any

from pgward.hba.host_options import NAMES, OPTIONS, Decorated, host_at
from pgward.hba.install.host import Host
from pgward.hba.machine_options import MACHINE_NAMES, MACHINE_OPTIONS, machine


def reachable_host_options(command: Decorated) -> Decorated:
    """Add the options, and give ``open_host()``; a connection ends with the command."""

    @functools.wraps(command)
    def with_host(*args: Any, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name) for name in NAMES + MACHINE_NAMES}
        return command(*args, open_host=functools.partial(_open, chosen), **kwargs)

    decorated: Any = with_host
    for option in reversed((*OPTIONS, *MACHINE_OPTIONS)):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's options keep the type


def _open(chosen: dict[str, Any]) -> Host:
    return host_at(chosen, machine(chosen, "data_dir", "state_dir", "config_file"))
