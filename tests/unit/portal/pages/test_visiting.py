"""What a browser is asked for a passkey."""

from types import SimpleNamespace

import pytest

from pgward.portal.pages import visiting


def test_an_application_without_visits_is_a_mistake():
    state = SimpleNamespace(state=SimpleNamespace(visits=None))
    frame = SimpleNamespace(request=SimpleNamespace(app=state))
    with pytest.raises(TypeError):
        visiting.to_use(frame, "x")
