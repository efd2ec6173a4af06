"""The engine of a CA: its methods and gates, in the order in which they stand."""

from pgward.ca.login.desk import Desk
from pgward.ca.login.engine import Engine
from pgward.ca.login.gates.device import DeviceGate
from pgward.ca.login.gates.reason import Reason
from pgward.ca.login.gates.standing import Standing
from pgward.ca.login.method import Methods
from pgward.ca.login.password import PasswordMethod


def engine(desk: Desk) -> Engine:
    """Return an engine; the first method is what a client chooses that was told nothing."""
    methods = Methods([PasswordMethod(desk)])
    return Engine(desk, methods, [Standing(), Reason(), DeviceGate()])
