import os
import subprocess
import sys

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
