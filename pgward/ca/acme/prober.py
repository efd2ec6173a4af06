"""Connects to hosts as their challenges ask."""

from pgward.ca.acme import http01, tlsalpn01
from pgward.ca.acme.identifiers import Identifier
from pgward.ca.acme.office import Office
from pgward.ca.acme.orders import HTTP01
from pgward.ca.acme.targets import Resolver, Targets, system_resolver
from pgward.ca.acme.validator import Job


class NetworkProber:
    """Implements ``pgward.ca.acme.validator.Prober`` with the settings' ports and networks."""

    def __init__(self, office: Office, resolver: Resolver = system_resolver) -> None:
        settings = office.settings
        self._office = office
        self._targets = Targets(settings.refuse_networks, settings.fixed_addresses, resolver)
        self._http_port = settings.http_port
        self._tls_port = settings.tls_port

    async def __call__(self, job: Job) -> None:
        """Raise AcmeError unless the host answers the challenge."""
        expected = job.key_authorization
        if job.challenge.type != HTTP01:
            await tlsalpn01.check(
                job.identifier, expected, targets=self._targets, port=self._tls_port
            )
            return

        def may_follow(host: Identifier) -> bool:
            return self._office.allowed(job.account).permits(host)

        await http01.check(
            job.identifier,
            job.challenge.token,
            expected,
            targets=self._targets,
            port=self._http_port,
            may_follow=may_follow,
        )
