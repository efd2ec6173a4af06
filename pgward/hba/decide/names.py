"""Whether a word of a rule or a map means a database or a role (``check_db``, ``check_role``)."""

from collections.abc import Iterable

from pgward.hba.decide.server import Server
from pgward.hba.syntax.regexes import compiled
from pgward.hba.syntax.tokens import Token
from pgward.hba.syntax.versions import Abilities


def database_is_meant(
    server: Server, words: Iterable[Token], database: str | None, user: str
) -> bool:
    """Tell whether a database is; None, physical replication, is by ``replication`` alone."""
    if database is None:
        return any(word.is_word("replication") for word in words)
    return any(_database_is(server, word, database, user) for word in words)


def role_is_meant(server: Server, words: Iterable[Token], role: str) -> bool:
    """Tell whether a role is, by name, as a member or by an expression."""
    return any(_role_is(server, word, role) for word in words)


def _database_is(server: Server, word: Token, database: str, user: str) -> bool:
    if not word.quoted:
        if word.text == "all":
            return True
        if word.text == "sameuser":
            return database == user
        if word.text in {"samerole", "samegroup"}:
            return server.world.is_member(user, database)
        if word.text == "replication":
            return False
    return _is(word, database, server.able)


def _role_is(server: Server, word: Token, role: str) -> bool:
    if not word.quoted:
        if word.text.startswith("+"):
            return server.world.is_member(role, word.text[1:])
        if word.text == "all":
            return True
    return _is(word, role, server.able)


def _is(word: Token, name: str, able: Abilities) -> bool:
    """Compare literally, or with an expression, which is one in quotes, too."""
    if able.includes and word.text.startswith("/"):
        return compiled(word.text[1:], able.version).matches(name)
    return word.text == name
