"""What is open in a session, as JSON and back: for the auditor's checkpoint."""

from typing import Any

from pgward.audit.records.items import Item, Prepared
from pgward.audit.records.large import Large
from pgward.audit.records.session import Session

_PLAIN = ("began", "numbered", "fault", "sensitive", "skipping", "copying")


def saved(session: Session) -> dict[str, Any]:
    """Return what is open in a session, as JSON."""
    table = _Table()
    return {
        "number": session.number,
        "fields": session.fields,
        "plain": {name: getattr(session, name) for name in _PLAIN},
        "denied": list(session.denied.items()),
        "queue": [_saved_item(table, item) for item in session.queue],
        "waiting": [_saved_item(table, item) for item in session.waiting],
        "dropped": [_saved_item(table, item) for item in session.dropped],
        "statements": {name: table.place(made) for name, made in session.statements.items()},
        "portals": {name: table.place(made) for name, made in session.portals.items()},
        "large": None if session.large is None else session.large.state(),
        "made": table.rows(),
    }


def restored(prefix: str, state: dict[str, Any]) -> Session:
    """Return the session that ``saved`` told of."""
    session = Session(prefix, state["number"], {})
    session.fields = state["fields"]
    for name, value in state["plain"].items():
        setattr(session, name, value)
    session.denied = dict(state["denied"])
    made = [Prepared.restored(row) for row in state["made"]]
    for each, (*_, statement) in zip(made, state["made"], strict=True):
        if statement is not None:
            each.statement = made[statement]
            each.about.pop("text", None)  # which earlier versions kept there as well
    session.queue.extend(_restored_item(made, row) for row in state["queue"])
    session.waiting = [_restored_item(made, row) for row in state["waiting"]]
    session.dropped = [_restored_item(made, row) for row in state["dropped"]]
    session.statements = {name: made[place] for name, place in state["statements"].items()}
    session.portals = {name: made[place] for name, place in state["portals"].items()}
    if state["large"] is not None:
        session.large = Large.restored(state["large"])
    return session


class _Table:
    """Statements and portals, each once, though many things may be about it."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._made: list[Prepared] = []

    def place(self, made: Prepared | None) -> int | None:
        if made is None:
            return None
        if id(made) not in self._places:
            self._places[id(made)] = len(self._made)
            self._made.append(made)
            self.place(made.statement)
        return self._places[id(made)]

    def rows(self) -> list[list[Any]]:
        return [[*made.state(), self.place(made.statement)] for made in self._made]


def _saved_item(table: _Table, item: Item) -> list[Any]:
    plain = {name: getattr(item, name) for name in Item.PLAIN if name in vars(item)}
    places = table.place(item.made), table.place(item.previous)
    return [item.kind, item.time, item.record, plain, *places]


def _restored_item(made: list[Prepared], row: list[Any]) -> Item:
    kind, time, record, plain, about, previous = row
    item = Item(kind, time, record)
    vars(item).update(plain)
    item.made = None if about is None else made[about]
    item.previous = None if previous is None else made[previous]
    return item
