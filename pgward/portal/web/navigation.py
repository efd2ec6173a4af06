"""The parts of the portal, who sees them, and in which of them a page stands.

What is not shown is not thereby forbidden: each page's frame says who may open it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pgward.ca.identity import directory
from pgward.ca.identity.directory import User


@dataclass(frozen=True, slots=True)
class Page:
    """An entry of a part's own navigation."""

    title: str
    path: str


@dataclass(frozen=True, slots=True)
class Group:
    """Pages of a part that belong together; the first of a part may have no title."""

    title: str
    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """An entry of the navigation; pages whose path begins with ``path`` stand in it."""

    title: str
    path: str
    seen_by: Callable[[User], bool]
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands: the paths of its part and of its entry in it, empty for none."""

    part: Part | None
    page: str


def _anybody(_user: User) -> bool:
    return True


def _administrators(user: User) -> bool:
    return user.administrator


def _auditors(user: User) -> bool:
    return user.administrator or directory.AUDITORS in user.groups


PARTS = (
    Part("Databases", "/databases", _anybody),
    Part("Requests", "/requests", _anybody),
    Part("Sessions", "/sessions", _anybody),
    Part(
        "Administration",
        "/admin",
        _administrators,
        (
            Group("", (Page("Overview", "/admin"), Page("Set up", "/admin/start"))),
            Group(
                "People",
                (
                    Page("People", "/admin/people"),
                    Page("Invitations", "/admin/invitations"),
                    Page("Groups", "/admin/groups"),
                    Page("Devices", "/admin/devices"),
                    Page("Secrets", "/admin/secrets"),
                ),
            ),
            Group(
                "What is declared",
                (
                    Page("Services", "/admin/resources/services"),
                    Page("Access flows", "/admin/resources/accessflows"),
                    Page("Policies", "/admin/resources/policies"),
                    Page("Policy tester", "/admin/policy-tester"),
                    Page("All resources", "/admin/resources"),
                ),
            ),
            Group(
                "Machines",
                (
                    Page("Edges", "/admin/edges"),
                    Page("Hosts", "/admin/hosts"),
                    Page("Connectors", "/admin/connectors"),
                ),
            ),
            Group("Servers", (Page("Integrations", "/admin/integrations"),)),
            Group(
                "Authority",
                (
                    Page("CAs and lists", "/admin/ca"),
                    Page("Certificates", "/admin/ca/certificates"),
                    Page("Expiry calendar", "/admin/ca/expiry"),
                    Page("Rotation", "/admin/ca/rotation"),
                    Page("Transparency log", "/admin/ca/log"),
                ),
            ),
            Group("Sign-in", (Page("Identity providers", "/admin/identity-providers"),)),
        ),
    ),
    Part(
        "Audit",
        "/audit",
        _auditors,
        (
            Group("", (Page("Overview", "/audit"),)),
            Group(
                "Search",
                (
                    Page("Events", "/audit/events"),
                    Page("Statements", "/audit/statements"),
                    Page("Kept searches", "/audit/searches"),
                    Page("Proof", "/audit/chain"),
                ),
            ),
            Group(
                "Rights",
                (Page("Who reaches what", "/audit/map"), Page("Reviews", "/reviews")),
            ),
        ),
    ),
)


def seen_by(user: User) -> tuple[Part, ...]:
    """Return the parts that somebody has."""
    return tuple(each for each in PARTS if each.seen_by(user))


def place(path: str) -> Place:
    """Return where the page at ``path`` stands."""
    part = next((each for each in PARTS if _is_below(path, each.path)), None)
    if part is None:
        part = next((each for each in PARTS if _has(each, path)), None)
    pages = [page.path for group in (part.groups if part else ()) for page in group.pages]
    return Place(part, max((each for each in pages if _is_below(path, each)), key=len, default=""))


def _has(part: Part, path: str) -> bool:
    """Tell whether a page is one of a part's though its path is another, as others see it, too."""
    return any(_is_below(path, page.path) for group in part.groups for page in group.pages)


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}/")
