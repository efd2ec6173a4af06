"""The device: one that was revoked lets nobody in."""

from pgward.ca.identity import devices
from pgward.ca.identity.devices import DeviceState
from pgward.ca.login.attempt import Ask, Attempt, RefusedLoginError
from pgward.ca.login.gates.gate import NeverAsks, View


class DeviceGate(NeverAsks):
    """Refuses revoked devices; a new one is enrolled when the session starts."""

    kind = "device"

    def check(self, attempt: Attempt, view: View) -> Ask | None:
        """Look the device key up."""
        found = devices.find(view.connection, view.user.name, attempt.thumbprint)
        if found is not None and found.state is DeviceState.REVOKED:
            raise RefusedLoginError(
                "this device was revoked",
                why="the device is revoked",
                actor=view.user.name,
                hint="remove device.key from the pgward directory to make this a new device",
            )
        return None
