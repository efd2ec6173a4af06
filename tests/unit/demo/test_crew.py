import sys
from pathlib import Path

import pytest

from pgward.demo import crew as module
from pgward.demo.crew import Crew, environment
from pgward.demo.errors import DemoError
from pgward.demo.interrupts import Interrupts
from pgward.demo.layout import Layout


@pytest.fixture
def crew(tmp_path):
    (tmp_path / "log").mkdir()
    made = Crew(Layout(tmp_path), Interrupts())
    yield made
    made.stop_all()


def python(code):
    return [sys.executable, "-c", code]


SERVES = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SERVES


def test_nothing_that_steers_pgward_or_libpq_comes_through(monkeypatch, tmp_path):
    for name in ("PGPASSWORD", "PGHOST", "PGWARD_CONNECT_PORT", "PGWARD_HOME"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("PGWARD_PG_BIN", "/opt/pg/bin")
    found = environment(tmp_path)
    assert {name: value for name, value in found.items() if name.startswith("PG")} == {
        "PGWARD_HOME": str(tmp_path),
        "PGWARD_TOKEN_STORE": "file",
        "PGWARD_PG_BIN": "/opt/pg/bin",
    }


def test_a_program_is_run_to_its_end(crew):
    code = "import sys; print(input()); print('oh  no', file=sys.stderr); sys.exit(3)"
    done = crew.run(python(code), {}, stdin="hello\n")
    assert (done.code, done.output, done.last_words) == (3, "hello\n", "oh no")


def test_pgward_itself_is_run_with_a_home(crew, tmp_path):
    assert crew.pgward("--version", home=tmp_path).output.startswith("pgward ")


def test_a_command_that_fails_tells_why(crew, tmp_path):
    with pytest.raises(DemoError, match=r"`pgward whoami` failed: pgward: .*hint: pgward login"):
        crew.pgward("whoami", home=tmp_path / "home")


def test_a_program_that_hangs_is_given_up_and_ended_with_the_crew(crew, monkeypatch):
    monkeypatch.setattr(module, "COMMAND_SECONDS", 0.1)
    with pytest.raises(DemoError, match="did not end in time"):
        crew.run(python("import signal; signal.pause()"), {})
    (process,) = crew._processes
    crew.stop_all()
    assert process.returncode is not None


def test_a_server_is_ready_when_it_says_so(crew):
    server = crew.start("ca", python(SERVES), {})
    assert (server.name, server.first_line) == ("ca", "ready")
    assert server.process.poll() is None
    crew.stop(server)
    assert server.process.returncode == -15
    assert crew._processes == []


def test_a_server_that_gives_up_tells_its_last_words(crew):
    with pytest.raises(DemoError, match="the edge did not start: no such thing"):
        crew.start("edge", python("import sys; sys.exit('no such thing')"), {})


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(crew, monkeypatch):
    monkeypatch.setattr(module, "READY_SECONDS", 0.1)
    with pytest.raises(DemoError, match="the edge did not start: it said nothing"):
        crew.start("edge", python("import signal; signal.pause()"), {})


def test_all_are_ended_even_the_stubborn(crew, monkeypatch):
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.2)
    servers = [crew.start(f"s{i}", python(code), {}) for i, code in enumerate([SERVES, STUBBORN])]
    crew.stop_all()
    assert [server.process.returncode for server in servers] == [-15, -9]


def test_messages_go_to_the_log(crew, tmp_path):
    code = f"import sys; print('hm', file=sys.stderr, flush=True); {SERVES}"
    server = crew.start("ca", python(code), {})
    assert server.log == Path(tmp_path / "log" / "ca.log")
    assert server.log.read_text() == "hm\n"
