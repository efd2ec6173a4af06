import os

import pytest

from pgward.tunnel.edge.metrics import board
from pgward.tunnel.edge.metrics.board import Board


def test_what_all_workers_count_is_added_up():
    shared = Board(3)
    panes = [shared.pane(worker) for worker in range(3)]
    for number, pane in enumerate(panes):
        pane.add(board.OPENED, "tcp")
        pane.add(board.OPENED, "postgres", by=10 * number)
        pane.set(board.LINKS, "", number)
    assert shared.total(board.OPENED, "tcp") == 3
    assert shared.total(board.OPENED, "postgres") == 30
    assert shared.total(board.LINKS) == 3


def test_other_processes_count_on_it():
    shared = Board(2)
    pid = os.fork()
    if not pid:
        shared.pane(1).add(board.SENT, by=1 << 40)
        os._exit(0)
    os.waitpid(pid, 0)
    assert shared.total(board.SENT) == 1 << 40


def test_a_worker_that_begins_again_runs_nothing_and_has_counted_before():
    shared = Board()
    pane = shared.pane(0)
    pane.add(board.SESSIONS, "tcp", by=5)
    pane.add(board.OPENED, "tcp", by=5)
    shared.pane(0)
    assert shared.total(board.SESSIONS, "tcp") == 0
    assert shared.total(board.OPENED, "tcp") == 5


def test_labels_are_fixed_words():
    with pytest.raises(KeyError):
        Board().pane(0).add(board.REFUSED, "alice")
    names = [(each.name, value) for each in board.METRICS for value in each.values]
    assert len(names) == len(set(names))
