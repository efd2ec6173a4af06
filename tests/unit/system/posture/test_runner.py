import sys
import time

from pgward.system.posture.runner import Output, read, run


def python(code, **more):
    return run([sys.executable, "-c", code], **more)


def test_what_a_tool_says_on_both_outputs():
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    assert python(code) == Output("out\nerr\n", 3)


def test_a_tool_that_is_not_there():
    assert run(["no-such-tool-of-pgward"]) is None


def test_tools_for_administrators_are_found_without_them_on_the_path(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert run(["true"]) == Output("", 0)


def test_a_tool_that_hangs_is_ended_with_what_it_started():
    began = time.monotonic()
    code = "import subprocess; subprocess.run(['sleep', '60'])"
    assert python(code, seconds=0.3) is None
    assert time.monotonic() - began < 5


def test_what_a_tool_leaves_behind_is_not_awaited():
    began = time.monotonic()
    code = "import subprocess; subprocess.Popen(['sleep', '3']); print('done')"
    assert python(code, seconds=10) == Output("done\n", 0)
    assert time.monotonic() - began < 3


def test_a_tool_asks_nobody_and_speaks_english():
    code = "import os, sys; print(repr(sys.stdin.read()), os.environ['LC_ALL'])"
    assert python(code) == Output("'' C\n", 0)


def test_endless_output_is_cut():
    assert len(python("print('x' * 10**6)").text) == 64 * 1024


def test_the_end_of_a_long_file(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"old" + b"x" * 70_000 + b"\xffnew")
    assert read(path).endswith("x\ufffdnew")
    assert len(read(path)) == 64 * 1024
    assert read(tmp_path / "absent") is None
    assert read(tmp_path) is None
