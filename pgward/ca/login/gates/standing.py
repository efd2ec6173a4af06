"""The account's standing: not blocked, and within its dates."""

from pgward.ca.login.attempt import Ask, Attempt, NeverAsks, wrong_credentials
from pgward.ca.login.gates.gate import View


class Standing(NeverAsks):
    """Refuses closed accounts with the words of a wrong password: strangers learn nothing."""

    kind = "standing"

    def check(self, attempt: Attempt, view: View) -> Ask | None:  # noqa: ARG002 - Gate's signature
        """Refuse who is blocked, or whose account is not valid now."""
        user = view.user
        if user.blocked_at is not None:
            raise wrong_credentials("the user is blocked", user.name)
        if user.valid_from is not None and view.now < user.valid_from:
            raise wrong_credentials("the account is not valid yet", user.name)
        if user.valid_until is not None and view.now >= user.valid_until:
            raise wrong_credentials("the account is not valid any more", user.name)
        return None
