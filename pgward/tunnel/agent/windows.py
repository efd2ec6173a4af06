"""The scheduled task of the agent on Windows. Pure."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

NAME = "pgward-agent"

_TASK = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>pgward agent: tunnels to databases</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>{user}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


def task(command: Sequence[str], user: str) -> str:
    """Return the task's XML; write it in UTF-16, as it says."""
    program, *arguments = command
    values = {
        "user": user,
        "program": program,
        "arguments": " ".join(_quoted(each) for each in arguments),
    }
    text = _TASK
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", escape(value))
    return text


def _quoted(word: str) -> str:
    """Return an argument as the C runtime reads it from a command line."""
    if word and not any(letter in ' \t"' for letter in word):
        return word
    quoted = ""
    backslashes = 0
    for letter in word:
        if letter == '"':
            quoted += "\\" * (backslashes + 1)
        backslashes = backslashes + 1 if letter == "\\" else 0
        quoted += letter
    return '"' + quoted + "\\" * backslashes + '"'
