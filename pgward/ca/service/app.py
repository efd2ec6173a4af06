"""The application: every route under ``/v1``, described by ``/v1/openapi.json``."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import APIRouter, FastAPI

from pgward import __version__
from pgward.ca.acme.service import AcmeService
from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.authority import Authority
from pgward.ca.http import networks
from pgward.ca.identity.passwords import Passwords
from pgward.ca.keys.sealing import Sealer
from pgward.ca.log.head_signer import HeadSigner
from pgward.ca.login.passkeys import site
from pgward.ca.service import context, errors, strict
from pgward.ca.service.events import MAX_EVENTS_BODY
from pgward.ca.service.express import Express
from pgward.ca.service.middleware import Guard
from pgward.ca.service.routes import (
    access_plans,
    access_report,
    access_requests,
    access_reviews,
    acme_keys,
    audit,
    audit_archive,
    audit_checks,
    audit_events,
    audit_searches,
    catalog,
    certificates,
    connector,
    connector_accounts,
    connector_catalog,
    connector_plans,
    connectors,
    crls,
    database_sessions,
    devices,
    edge,
    edge_audit,
    edge_databases,
    edge_passwords,
    edge_recordings,
    edge_self,
    edges,
    expiries,
    groups,
    handles,
    host,
    host_roles,
    hosts,
    identity_providers,
    integration_checks,
    invitations,
    issuing,
    log,
    login,
    login_sessions,
    machine,
    me,
    me_database_sessions,
    me_policies,
    mfa,
    ocsp,
    orders,
    passkeys,
    people,
    policies,
    posture,
    probes,
    proofs,
    public,
    recording_playback,
    recordings,
    resource_descriptions,
    resource_history,
    resources,
    revocations,
    rotations,
    schemas,
    secrets,
    step_up,
    tokens,
    users,
)
from pgward.ca.service.routes import acme as acme_routes
from pgward.ca.settings import Settings
from pgward.ca.store import Store

_YEAR_SECONDS = 365 * 24 * 3600
Front = Callable[[FastAPI, context.Context], None]
"""Puts what is for browsers onto the application."""

_ROUTERS = (
    *(public.router, login.router),
    *(
        me.router,
        me_database_sessions.router,
        me_policies.router,
        mfa.router,
        posture.router,
        step_up.router,
        issuing.router,
    ),
    # Revocations first: their path is not the name of a certificate.
    *(devices.router, login_sessions.router),
    *(invitations.router, people.router, users.router, groups.router),
    *(resources.router, revocations.router, certificates.router),
    *(resource_history.router, resource_descriptions.router, schemas.router, policies.router),
    *(tokens.router, edges.router, hosts.router, connectors.router, audit.router, log.router),
    expiries.router,
    *(
        machine.router,
        edge.router,
        edge_self.router,
        edge_databases.router,
        edge_databases.administration,
        edge_passwords.router,
        host.router,
        host_roles.router,
    ),
    *(secrets.router, handles.router),
    *(orders.router, rotations.router, proofs.router),
    acme_keys.router,
    *(access_plans.router, access_report.router, access_requests.router, access_reviews.router),
    identity_providers.router,
    passkeys.router,
    *(ocsp.router, probes.router),
    *(audit_archive.router, audit_checks.router, audit_events.router, audit_searches.router),
    *(database_sessions.router, edge_audit.router),
    *(recordings.router, recording_playback.router, edge_recordings.router),
    *(catalog.router, connector_catalog.router, connector_accounts.router),
    *(connector.router, connector_plans.router),
    *(integration_checks.router, integration_checks.administration),
)
# Once: what is included is made again at the first request of whatever includes it.
_CRLS = APIRouter()
_CRLS.include_router(crls.router, prefix=strict.PREFIX)
_DESCRIPTION = """The authority's API. People send `Authorization: DPoP <token>` and a `DPoP` proof
made with their device's key (RFC 9449). Machines send a `DPoP` proof whose header carries their
certificate (`x5c`). Times are RFC 3339 in UTC; serial numbers are lower-case hex."""


def _no_front(_app: FastAPI, _context: context.Context) -> None:
    """Serve the API alone."""


def create_app(
    authority: Authority,
    store: Store,
    *,
    log_key: ec.EllipticCurvePrivateKey,
    sealer: Sealer,
    origins: Collection[str] = (),
    passwords: Passwords | None = None,
    certificate: ApiCertificate | None = None,
    acme: AcmeService | None = None,
    objects: ObjectStore | None = None,
    front: Front = _no_front,
) -> FastAPI:
    """Return the ASGI application; ``log_key`` signs the transparency log's heads.

    ``sealer`` encrypts what the CA keeps for itself. ``origins`` are further addresses
    (``https://host:port``) that people may use besides ``authority.settings.ca.url``;
    ``certificate`` is the API's own, which ``/readyz`` looks at; ``objects`` is where the archive
    keeps what edges put on record; ``front`` adds what is for browsers.
    Its lifespan must run; when the server begins to stop, call
    ``app.state.context.send_home()`` on its event loop to end the long polls at once.
    """
    app = FastAPI(
        title="pgward authority",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        # `pgward.ca.observability` does this; FastAPI would look at each request whether it shall.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=strict.operation_id,
    )
    heads = HeadSigner(store, log_key, authority.clock)
    app.state.context = context.make(
        authority,
        store,
        heads,
        origins,
        passwords or Passwords(),
        sealer=sealer,
        certificate=certificate,
        objects=objects,
    )
    for router in (_CRLS, *_ROUTERS):
        app.router.routes.extend(router.routes)  # as they are: `strict.router` says why
    acme_routes.install(app, acme)
    errors.install(app)
    app.state.larger = {}  # bodies of pages, as of the API's paths below
    front(app, app.state.context)
    # The last one added is the outermost.
    app.add_middleware(
        Express,
        endpoints={"/v1/certificates/login": issuing.certificate},
        puts=[edge_audit.EXPRESS],
    )
    app.add_middleware(
        Guard,
        limits=app.state.context.limits,
        larger={
            resources.PATH: resources.MAX_BODY,
            **dict.fromkeys((policies.PATH, policies.CASES), resources.MAX_BODY),  # with drafts
            **dict.fromkeys(("/v1/edge/events", "/v1/host/events"), MAX_EVENTS_BODY),
            **dict.fromkeys((edge_audit.PREFIX, edge_recordings.PREFIX), edge_audit.MAX_CHUNK_BODY),
            edge_databases.PATH: edge_databases.MAX_BODY,
            connector.REPORT: connector.MAX_REPORT_BODY,
            connector_plans.PATH: connector_plans.MAX_BODY,
            **dict.fromkeys(connector_catalog.PATHS, connector_catalog.MOST_BODY),
            **app.state.larger,
        },
        proxies=networks.parse(authority.settings.listen.forwarded_for_from),
        page=getattr(app.state, "error_page", None),
        headers=transport(authority.settings),
    )
    return app


def transport(settings: Settings) -> dict[str, str]:
    """Return what keeps browsers at TLS (RFC 6797), which they heed for names only.

    ``localhost`` is everybody's: what else listens there is not ours to move.
    """
    own = site.of(settings)
    if own is None or own.id == "localhost" or own.id.endswith(".localhost"):
        return {}
    return {"strict-transport-security": f"max-age={_YEAR_SECONDS}"}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.context.changes.watching(), acme_routes.running(app):
        yield
    app.state.context.archive.close()
