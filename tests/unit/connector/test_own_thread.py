import threading

from pgward.connector.own_thread import OwnThread


class Waiter(OwnThread):
    def __init__(self, free):
        super().__init__("waiter")
        self.free, self.turns = free, 0

    def _run(self):
        with self._changed:
            while not self._ended:
                self._changed.wait()
                self.turns += 1
        self.free.wait()


def test_it_hears_at_once_that_it_shall_end():
    free = threading.Event()
    free.set()
    one = Waiter(free)
    one.start()
    assert one.stop(20)
    assert one.turns <= 1


def test_what_does_not_end_in_time_is_told():
    free = threading.Event()
    one = Waiter(free)
    one.start()
    assert not one.stop(0.01)
    free.set()
    assert one.stop(20)


def test_one_that_never_began_has_ended():
    assert Waiter(threading.Event()).stop(0)
