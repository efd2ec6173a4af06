import subprocess
import sys

from pgward.command_table import COMMANDS, Entry


def leaves(entries):
    for name, entry in entries.items():
        yield from leaves(entry.children) if entry.children else [(name, entry)]


def test_each_entry_leads_somewhere_or_has_children():
    for name, entry in leaves(COMMANDS):
        module, _, attribute = entry.target.partition(":")
        assert module.startswith("pgward."), name
        assert attribute.isidentifier(), name


def test_help_is_a_short_line_in_the_tone_of_all():
    for name, entry in leaves(COMMANDS):
        assert len(entry.help) <= 80, name
        assert entry.help[-1] != ".", name
        assert entry.help == entry.help.strip(), name


def test_every_command_of_the_root_stands_under_a_heading():
    assert all(entry.section for entry in COMMANDS.values())
    assert isinstance(COMMANDS["login"], Entry)


def test_the_table_imports_no_command():
    program = "import sys, pgward.command_table; print('click' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
