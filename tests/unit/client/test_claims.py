import subprocess
import sys
from contextlib import ExitStack

from pgward.client.claims import claim, leftovers


def test_a_name_that_is_taken_leads_to_the_next(tmp_path):
    with ExitStack() as one, ExitStack() as two, ExitStack() as three:
        names = [claim(tmp_path, "worker-0", held) for held in (one, two, three)]
        assert names == ["worker-0", "worker-0-1", "worker-0-2"]
        two.close()
        assert claim(tmp_path, "worker-0", two) == "worker-0-1"
    with ExitStack() as again:
        assert claim(tmp_path, "worker-0", again) == "worker-0"


def test_a_process_that_is_killed_holds_nothing(tmp_path):
    program = (
        "import sys; from contextlib import ExitStack; from pathlib import Path\n"
        "from pgward.client.claims import claim\n"
        "with ExitStack() as held:\n"
        "    print(claim(Path(sys.argv[1]), 'worker-0', held), flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "worker-0\n"
        (tmp_path / "worker-0.jsonl").write_text("{}\n")
        with leftovers(tmp_path) as left:
            assert left == []
        process.kill()
        process.wait()
        with leftovers(tmp_path) as left:
            assert left == [tmp_path / "worker-0.jsonl"]


def test_leftovers_are_held_while_they_are_delivered(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "a.sending", "c.txt", "d.lock"):
        (tmp_path / name).touch()
    with leftovers(tmp_path) as left, ExitStack() as held:
        assert [path.name for path in left] == ["a.sending", "a.jsonl", "b.jsonl"]
        with leftovers(tmp_path) as twice:
            assert twice == []
        assert claim(tmp_path, "a", held) == "a-1"


def test_a_disk_that_takes_no_lock_stops_no_edge(tmp_path, caplog):
    (tmp_path / "worker-0.lock").mkdir()
    (tmp_path / "worker-0.jsonl").touch()
    with ExitStack() as held:
        assert claim(tmp_path, "worker-0", held) == "worker-0"
    with leftovers(tmp_path) as left:
        assert left == []
    assert "cannot lock" in caplog.text
