"""What tunnels and edges say to each other before a link is open, as bytes of anybody's."""

from collections.abc import Callable

from pgward.tunnel import preface
from pgward.tunnel.preface import MARKER_SIZE, MAX_LINE, Controls, PrefaceError, RefusedError


def said_in_prefaces(data: bytes) -> None:
    """See that a line is understood, or refused as none, and means the same said again."""
    for line in (data, data + b"\n"):
        _request(line)
        _answer(line)


def _request(line: bytes) -> None:
    try:
        wanted = preface.read_request(line)
    except PrefaceError:
        return
    assert wanted.service, "a tunnel that wants no service"
    said = preface.request(wanted.service)
    if len(said) <= MAX_LINE:
        assert preface.read_request(said).service == wanted.service


def _answer(line: bytes) -> None:
    try:
        controls = preface.read_answer(line)
    except PrefaceError:
        return
    except RefusedError as refusal:
        _same(refusal)
        return
    assert preface.read_answer(preface.accept(controls)) == controls


def _same(refusal: RefusedError) -> None:
    words = refusal.message, refusal.hint
    assert all(each and each.isprintable() for each in words), f"{words!r} move a cursor"
    said = preface.refuse(refusal)
    if len(said) <= MAX_LINE:
        again = preface.read_refusal(said)
        assert (again.reason, again.message, again.hint) == (refusal.reason, *words)


TARGETS: dict[str, Callable[[bytes], None]] = {"preface": said_in_prefaces}
SEEDS: dict[str, list[bytes]] = {
    "preface": [
        preface.request("orders"),
        preface.accept(Controls(bytes(MARKER_SIZE))),
        preface.refuse(RefusedError(preface.Reason.LIMIT, "too many", hint="close some")),
    ]
}
