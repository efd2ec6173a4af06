import os
import signal
import threading
import time

import psycopg
import pytest

from pgward.connector.watched import Watch, WatchedConnection


@pytest.fixture
def pg(database_server):
    """The server that this module's tests share."""
    return database_server


@pytest.fixture
def connection(pg):
    with WatchedConnection.connect(
        host=str(pg.socket_dir),
        port=pg.port,
        user="postgres",
        dbname="postgres",
        autocommit=True,
    ) as made:
        yield made


@pytest.mark.integration
def test_a_frozen_server_is_hung_up_on(connection):
    watch = Watch()
    watch.add(connection)
    (pid,) = connection.execute("select pg_backend_pid()").fetchone()
    ended = threading.Event()

    def look():
        while not ended.wait(0.02):
            watch.look(0.2)

    thread = threading.Thread(target=look)
    thread.start()
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    finally:
        ended.set()
        os.kill(pid, signal.SIGCONT)
        thread.join()
    assert 0.2 <= time.monotonic() - began < 10


@pytest.mark.integration
def test_a_connection_that_waits_for_nothing_is_left_alone(connection):
    watch = Watch()
    watch.add(connection)
    assert watch.look(0.0) == 0
    assert connection.execute("select 1").fetchone() == (1,)
    with connection.transaction(), connection.cursor() as cursor:
        assert cursor.execute("select 2").fetchone() == (2,)
