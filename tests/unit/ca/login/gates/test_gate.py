import anyio
import pytest

from pgward.ca.login.gates.gate import NeverAsks


def test_a_gate_that_never_asks_takes_no_answer():
    with pytest.raises(NotImplementedError):
        anyio.run(NeverAsks().answer, None, {})
