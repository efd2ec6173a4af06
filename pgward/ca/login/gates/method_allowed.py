"""The way in: a login rule may allow only some methods."""

from pgward.ca.login.attempt import Ask, Attempt, NeverAsks, RefusedLoginError
from pgward.ca.login.gates.gate import View


class MethodAllowed(NeverAsks):
    """Refuses a method that the person's rules do not allow."""

    kind = "method"

    def check(self, attempt: Attempt, view: View) -> Ask | None:
        """Say which methods are allowed: whoever comes here has proved who they are."""
        allowed = view.rules.methods
        if allowed is None or attempt.method in allowed:
            return None
        others = ", ".join(sorted(allowed))
        rules = ", ".join(view.rules.names)
        raise RefusedLoginError(
            f"you may not log in with the method {attempt.method}",
            why=f"the method {attempt.method} is not allowed by login rule {rules}",
            actor=view.user.name,
            hint=f"pgward login --method, with one of {others}"
            if others
            else f"the login rules {rules} allow no method in common: ask an administrator",
        )
