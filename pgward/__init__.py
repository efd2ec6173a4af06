"""PostgreSQL access without shared passwords and without a VPN.

For programs: ``pgward.connect(service)`` and its kin, which are imported when they are used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgward.core.errors import LoginNeededError, PgwardError
    from pgward.programs.api import async_creator, close, connect, connect_async, creator

__version__ = "0.1.0"
__all__ = [
    "LoginNeededError",
    "PgwardError",
    "async_creator",
    "close",
    "connect",
    "connect_async",
    "creator",
]

_ERRORS = ("LoginNeededError", "PgwardError")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'pgward' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - `import pgward` stays light

    module = importlib.import_module(
        "pgward.core.errors" if name in _ERRORS else "pgward.programs.api"
    )
    return getattr(module, name)
