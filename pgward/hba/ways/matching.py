"""Which rules mean a role or a database: sets of rules, an integer with a bit for each.

It says what ``decide.names`` says, for a thousand roles and five thousand rules at once.
"""

from collections.abc import Callable, Iterable, Iterator

from pgward.hba.decide.connection import World
from pgward.hba.decide.mapping import GROUP, takes_group
from pgward.hba.decide.names import role_is_meant
from pgward.hba.decide.server import Server
from pgward.hba.decide.verdict import OUTSIDE_METHODS, binds_name
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.regexes import Regex, compiled
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.tokens import Token
from pgward.hba.syntax.versions import Abilities


class Matching:
    """The rules of a server by whom they mean.

    Where the maps are not known, each may lead to every role.
    """

    def __init__(self, server: Server, *, maps_known: bool = True) -> None:
        self._world = server.world
        self._roles = _Words(server, of_roles=True)
        self._databases = _Words(server, of_roles=False)
        self._maps = _Maps(server, known=maps_known)
        self._closures: dict[str, frozenset[str]] = {}

    def of_role(self, name: str) -> int:
        """Return the rules that mean a role."""
        words = self._roles
        found = words.everyone | words.named(name)
        for group in self.groups(name):
            found |= words.groups.get(group, 0)
        return found

    def of_database(self, name: str | None) -> int:
        """Return the rules that mean a database whoever asks; None is physical replication."""
        words = self._databases
        return words.replication if name is None else words.everyone | words.named(name)

    def of_pair(self, role: str, database: str | None) -> int:
        """Return the rules that mean a database for this role alone."""
        if database is None:
            return 0
        found = self._databases.same_user if role == database else 0
        if self._databases.same_role and database in self.groups(role):
            found |= self._databases.same_role
        return found

    def closed_to(self, role: str) -> int:
        """Return the rules that let nobody be a role, as no name from outside leads to it."""
        return self._maps.closed_to(role)

    def groups(self, role: str) -> frozenset[str]:
        """Return the roles that one is a member of, itself included, through others, too."""
        if role not in self._closures:
            self._closures[role] = frozenset(_closure(self._world, role))
        return self._closures[role]


class _Words:
    """Where the words of one kind stand."""

    def __init__(self, server: Server, *, of_roles: bool) -> None:
        self.everyone = self.replication = self.same_user = self.same_role = 0
        self.groups: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self._regexes: dict[Regex, int] = {}
        self._able = server.able
        for number, rule in enumerate(server.rules):
            for token in rule.roles if of_roles else rule.databases:
                self._note(token, 1 << number, of_roles=of_roles)

    def named(self, name: str) -> int:
        """Return the rules that name a name, by itself or by an expression."""
        found = self._names.get(name, 0)
        for regex, rules in self._regexes.items():
            if rules & ~found and regex.matches(name):
                found |= rules
        return found

    def _note(self, token: Token, rule: int, *, of_roles: bool) -> None:
        text = token.text
        if not token.quoted:
            if text == "all":
                self.everyone |= rule
                return
            if of_roles and text.startswith("+"):
                self.groups[text[1:]] = self.groups.get(text[1:], 0) | rule
                return
            if not of_roles and self._is_keyword(text, rule):
                return
        if self._able.includes and text.startswith("/"):
            regex = compiled(text[1:], self._able.version)
            self._regexes[regex] = self._regexes.get(regex, 0) | rule
        else:
            self._names[text] = self._names.get(text, 0) | rule

    def _is_keyword(self, text: str, rule: int) -> bool:
        if text == "replication":
            self.replication |= rule
        elif text == "sameuser":
            self.same_user |= rule
        elif text in {"samerole", "samegroup"}:
            self.same_role |= rule
        else:
            return False
        return True


class _Maps:
    """Rules that name a map, and whom its lines may lead to."""

    def __init__(self, server: Server, *, known: bool) -> None:
        self._all_lead = not known
        self._rules: dict[tuple[str | None, bool], int] = {}
        self._lines: dict[str, _Map] = {}
        self._known: dict[str, int] = {}
        for number, rule in enumerate(server.rules):
            if (key := _key(rule, server.able)) is not None:
                self._rules[key] = self._rules.get(key, 0) | 1 << number
        for each in server.mappings:
            self._lines.setdefault(each.map, _Map(server)).add(each)

    def closed_to(self, role: str) -> int:
        if role not in self._known:
            self._known[role] = sum(
                rules
                for (named, by_dn), rules in self._rules.items()
                if not self._leads(named, role, by_dn=by_dn)
            )
        return self._known[role]

    def _leads(self, named: str | None, role: str, *, by_dn: bool) -> bool:
        if not named:
            # The name itself must be the role, and a DN has an attribute.
            return not by_dn or "=" in role
        if self._all_lead:
            return True
        found = self._lines.get(named)
        return found is not None and found.leads_to(role)


class _Map:
    """The lines of one map by whom they may let somebody be.

    What an expression matches is not asked: that it may is enough.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._able = server.able
        self._names: set[str] = set()
        self._others: list[Callable[[str], bool]] = []

    def add(self, line: Mapping) -> None:
        """Note a line."""
        role, text = line.role, line.role.text
        is_regex = self._able.includes and text.startswith("/")
        if line.system.text.startswith("/") and takes_group(role, self._able):
            before, _, after = text.partition(GROUP)
            self._others.append(
                lambda name: (
                    len(name) >= len(before + after)
                    and name.startswith(before)
                    and name.endswith(after)
                )
            )
        elif not self._able.includes or _is_plain(role, is_regex=is_regex):
            self._names.add(text)
        else:
            self._others.append(lambda name: role_is_meant(self._server, [role], name))

    def leads_to(self, role: str) -> bool:
        """Tell whether any line may let somebody be a role."""
        return role in self._names or any(each(role) for each in self._others)


def _is_plain(token: Token, *, is_regex: bool) -> bool:
    return not is_regex and (token.quoted or not (token.text == "all" or token.text[:1] == "+"))


def _key(rule: Rule, able: Abilities) -> tuple[str | None, bool] | None:
    """Return a rule's map, and whether a DN is looked up; None where no outer name counts."""
    if rule.method in OUTSIDE_METHODS:
        return rule.option("map"), False
    if not binds_name(rule, able):
        return None
    named = rule.option("map") if rule.method == "cert" else None
    return named, rule.option("clientname") == "DN"


def _closure(world: World, role: str) -> Iterator[str]:
    """Yield the roles that one is a member of; one that does not exist is in none."""
    if role not in world.member_of:
        return
    seen, left = {role}, [role]
    while left:
        each = left.pop()
        if each in world.member_of:
            yield each
        fresh = _direct(world, each) - seen
        seen |= fresh
        left.extend(fresh)


def _direct(world: World, role: str) -> frozenset[str]:
    return world.member_of.get(role, frozenset())


def numbers(rules: int) -> Iterable[int]:
    """Yield the numbers of a set of rules, the first first."""
    while rules:
        low = rules & -rules
        yield low.bit_length() - 1
        rules ^= low
