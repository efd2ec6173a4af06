"""The parts of the portal, and in which of them a page stands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """An entry of the navigation; pages whose path begins with ``path`` stand in it."""

    title: str
    path: str


PARTS = (Part("Databases", "/databases"), Part("Requests", "/requests"))


def here(path: str) -> str:
    """Return the path of the part in which a page stands; empty for none."""
    for each in PARTS:
        if path == each.path or path.startswith(f"{each.path}/"):
            return each.path
    return ""
