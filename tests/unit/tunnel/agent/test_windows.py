from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pgward.tunnel.agent import windows

GOLDEN = Path(__file__).parent / "golden" / "pgward-agent.xml"
COMMAND = ("C:\\Program Files\\Python\\python.exe", "-m", "pgward", "--home", "C:\\a & b\\")
NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def test_the_task_as_it_was_read_last():
    made = windows.task(COMMAND, "DOM\\alice <a>")
    assert made == GOLDEN.read_text()
    root = ET.fromstring(made.encode("utf-16"))
    assert root.find(f".//{NAMESPACE}Command").text == COMMAND[0]
    assert root.find(f".//{NAMESPACE}UserId").text == "DOM\\alice <a>"


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("run", "run"),
        ("a b", '"a b"'),
        ("", '""'),
        ("C:\\a b\\", '"C:\\a b\\\\"'),
        ('a"b', '"a\\"b"'),
        ('a\\"b', '"a\\\\\\"b"'),
    ],
)
def test_words_as_the_c_runtime_reads_them(word, quoted):
    assert windows._quoted(word) == quoted
