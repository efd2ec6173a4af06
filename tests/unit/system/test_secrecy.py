import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, resource
from pgward.system.secrecy import keep_secrets
keep_secrets()
print(resource.getrlimit(resource.RLIMIT_CORE), oct(os.umask(0)))
os.abort()
"""


def test_a_process_leaves_no_core_file_and_no_open_files(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "(0, 0) 0o77\n"
    assert done.returncode < 0
    assert list(tmp_path.iterdir()) == []


HIDDEN = """
import ctypes, os, sys
from pathlib import Path
from pgward.system.secrecy import hide_memory
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # a change of user hides as well
reader, writer = os.pipe()
pid = os.fork()
if not pid:
    os.close(writer)
    sys.stdin.close()
    if sys.argv[1] == "hidden":
        hide_memory()
    with open("/proc/self/maps") as own:
        assert own.readline()
    assert os.listdir("/proc/self/fd")
    with open(f"/proc/self/fd/{os.memfd_create('x')}", "w") as file:
        file.write("x")
    print("ready", flush=True)
    os.read(reader, 1)
    os._exit(0)
os.close(reader)
sys.stdin.readline()
for name in ("mem", "environ", "maps"):
    try:
        Path(f"/proc/{pid}/{name}").open("rb").close()
        print(name, "opened")
    except PermissionError:
        print(name, "refused")
os.close(writer)
os.waitpid(pid, 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's prctl")
@pytest.mark.parametrize(("how", "said"), [("hidden", "refused"), ("open", "opened")])
def test_nobody_of_the_same_user_looks_into_its_memory(how, said):
    with subprocess.Popen(
        [sys.executable, "-c", HIDDEN, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        rest, _ = process.communicate("go\n", timeout=30)
    assert rest == "".join(f"{name} {said}\n" for name in ("mem", "environ", "maps"))
