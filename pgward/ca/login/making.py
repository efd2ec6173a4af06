"""The engine of a CA: methods and gates, in the order in which they stand; and what comes later."""

from collections.abc import Callable

from pgward.ca.login.confirming.confirmations import Confirmations
from pgward.ca.login.desk import Desk
from pgward.ca.login.engine import Engine
from pgward.ca.login.factors.codes import RecoveryFactor, TotpFactor
from pgward.ca.login.factors.desk import FactorDesk
from pgward.ca.login.factors.enrolment import Enrolment
from pgward.ca.login.gates.device import DeviceGate
from pgward.ca.login.gates.gate import Gate
from pgward.ca.login.gates.method_allowed import MethodAllowed
from pgward.ca.login.gates.new_password import NewPassword
from pgward.ca.login.gates.posture import PostureGate
from pgward.ca.login.gates.reason import Reason
from pgward.ca.login.gates.second_factor import NewSecondFactor, SecondFactor
from pgward.ca.login.gates.standing import Standing
from pgward.ca.login.ldap.confirming import LdapConfirmer
from pgward.ca.login.ldap.directories import Directories
from pgward.ca.login.ldap.method import LdapMethod
from pgward.ca.login.method import Methods
from pgward.ca.login.oidc.confirming import OidcConfirmer
from pgward.ca.login.oidc.methods import OidcDeviceMethod, OidcMethod
from pgward.ca.login.oidc.providers import Providers
from pgward.ca.login.passkeys.factor import PasskeyFactor
from pgward.ca.login.passkeys.method import PasskeyMethod
from pgward.ca.login.password import PasswordMethod
from pgward.ca.login.password_change import PasswordChanges
from pgward.ca.login.provers.oidc import OidcProver
from pgward.ca.login.provers.password import PasswordProver
from pgward.ca.login.provers.second import SecondFactorProver
from pgward.ca.login.stepping_up import SteppingUp
from pgward.ca.revoking.revocation import Revoker


def factors(desk: Desk) -> FactorDesk:
    """Return where second factors are proved; the first that a person has is asked for first."""
    typed = TotpFactor(desk.sealer, desk.clock), RecoveryFactor(desk.clock)
    return FactorDesk(desk, [typed[0], PasskeyFactor(desk), typed[1]])


def engine(
    desk: Desk,
    factors: FactorDesk,
    changes: PasswordChanges,
    providers: Providers | None = None,
    directories: Directories | None = None,
    *,
    refusal: Callable[[], None] = lambda: None,
) -> Engine:
    """Return an engine; the first method is what a client chooses that was told nothing."""
    oidc, ldap = providers or Providers(desk), directories or Directories(desk)
    methods = Methods(
        [
            # Where there is a company's provider, its people log in there.
            OidcMethod(desk, oidc),
            OidcDeviceMethod(desk, oidc),
            PasswordMethod(desk),
            LdapMethod(desk, ldap),
            PasskeyMethod(desk),
        ]
    )
    # What cannot be mended at once comes before what costs somebody a step.
    gates: list[Gate] = [
        Standing(),
        MethodAllowed(),
        PostureGate(),
        SecondFactor(factors),
        Reason(),
        DeviceGate(desk),
        # Last, so that with a stolen password nothing is set from a device that nobody knows.
        NewSecondFactor(Enrolment(desk)),
        NewPassword(desk, changes),
    ]
    return Engine(desk, methods, gates, refusal)


def confirmations(
    desk: Desk, revoker: Revoker, providers: Providers, directories: Directories
) -> Confirmations:
    """Return what asks providers about people before renewals."""
    confirmers = OidcConfirmer(desk, providers), LdapConfirmer(desk, directories)
    return Confirmations(desk, revoker, confirmers)


def stepping_up(desk: Desk, factors: FactorDesk, providers: Providers | None = None) -> SteppingUp:
    """Return what asks for fresh proofs, the strongest first."""
    oidc = OidcProver(desk, providers or Providers(desk))
    return SteppingUp(desk, [SecondFactorProver(desk, factors), oidc, PasswordProver(desk)])
