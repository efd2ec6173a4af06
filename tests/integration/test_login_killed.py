"""`kill -9` at every touch of the disk: the old identity or the new one is there, whole."""

import json
import subprocess
import sys

import pytest

from tests.fixtures.ca import environment

pytestmark = pytest.mark.integration

# Forks a child for each point: it does the deed, and kills itself at its n-th touch of a file,
# n being 1, 1 + STRIDE, and so on. Prints what was found before it all and after each death; ends
# when a child lives through it all.
PROGRAM = """
import json, os, signal, sys
from datetime import timedelta
from pathlib import Path
from pgward.client.login import installing
from pgward.client.home import Home
from pgward.client.machine import Machine
from pgward.client.session import Session
from pgward.core.clock import SystemClock
from pgward.pki import keys, pem

what, home, stride = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
password = sys.stdin.readline().strip()

def deed():
    if what == "login":
        opened = Home(home)
        who = opened.last_user()
        installing.with_password(opened, opened.trust(), who, password, SystemClock())
    elif what == "renew":
        Session.open(home)._renew()
    else:
        Machine.load(home).renew()

def state():
    if what == "machine":
        paths = Machine.load(home).paths
    else:
        session = Session.open(home)
        session.token()
        paths = session.paths
    leaf, _issuing = pem.split(paths.cert.read_bytes())
    key = keys.from_pem(paths.key.read_bytes(), None)
    assert keys.spki(leaf.public_key()) == keys.spki(key.public_key()), "mixed"
    assert pem.split(paths.ca.read_bytes())
    return f"{leaf.serial_number:x}"

def count_down(number):
    left = number
    def hook(event, arguments):
        nonlocal left
        if event == "open" or event.startswith(("os.", "shutil.")):
            if str(home) in str(arguments):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

found = [state()]
killed = True
while killed:
    child = os.fork()
    if child == 0:
        count_down(1 + (len(found) - 1) * stride)
        deed()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    killed = code != 0
    found.append(state())
print(json.dumps(found))
"""

ENROLL = """
import sys
from pathlib import Path
from pgward.client.machine import Machine
Machine.enroll(Path(sys.argv[1]), sys.stdin.read(), advertise="e.test:1").close()
"""


# A few points, at other ones for each deed; and every one.
FEW = {"login": 15, "renew": 9, "machine": 9}
EVERY = dict.fromkeys(FEW, 1)
STRIDES = pytest.mark.parametrize(
    "strides",
    [pytest.param(FEW, id="few"), pytest.param(EVERY, id="every", marks=pytest.mark.soak)],
)


def states(what, home, password, strides):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, what, home, str(strides[what])],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        check=False,
        env=environment(home),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@STRIDES
@pytest.mark.parametrize("what", ["login", "renew"])
def test_a_person_has_the_old_or_the_new_identity(site, what, strides):
    person = site.person()
    found = states(what, person.home, person.password, strides)
    assert len(found) * strides[what] > 15
    assert found[0] == found[1]
    assert found[-2] != found[-1]
    assert person.data("whoami")["user"] == person.name
    # What the killed ones left behind is gone: the symlink and two generations.
    assert len(list((person.home / "identity").iterdir())) == 3


@STRIDES
def test_a_machine_has_the_old_or_the_new_identity(site, tmp_path, strides):
    name = site.unique("edge")
    token = site.admin.ok("ca", "token", "edge", name).strip()
    directory = tmp_path / "edge"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            ENROLL,
            directory,
        ],
        input=token,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = states("machine", directory, "", strides)
    assert found[0] == found[1]
    assert found[-2] != found[-1]
    assert len(list((directory / "identity").iterdir())) == 3
