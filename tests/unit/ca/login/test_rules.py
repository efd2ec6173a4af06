from datetime import timedelta

from pgward.ca.login import rules
from pgward.ca.settings import LoginSettings, Settings


def test_settings_say_how_long_a_session_is():
    found = rules.of_settings(Settings(login=LoginSettings(session_hours=8)))
    assert found == rules.LoginRules(session=timedelta(hours=8))
