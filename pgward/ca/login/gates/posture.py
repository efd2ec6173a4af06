"""The posture that a login rule wants of the device; what a device says of itself is believed."""

from pgward.ca.identity import posture
from pgward.ca.login.attempt import Ask, Attempt, NeverAsks, RefusedLoginError
from pgward.ca.login.gates.gate import View


class PostureGate(NeverAsks):
    """Refuses a device that does not report what is wanted."""

    kind = "posture"

    def check(self, attempt: Attempt, view: View) -> Ask | None:
        """Compare what came with the login to every rule."""
        report = attempt.device.posture
        found = [each for rules in view.rules.posture for each in posture.problems(rules, report)]
        if not found:
            return None
        told = "; ".join(dict.fromkeys(found))
        raise RefusedLoginError(
            f"this device may not log in: {told}",
            why=f"the device's posture: {told}",
            actor=view.user.name,
            hint="set that right on this machine, then pgward login",
        )
