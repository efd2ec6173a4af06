"""What managed PostgreSQL services can take of pgward's plan, and what they cannot. Pure.

Facts as the services documented them when this was written (``WRITTEN``); they change.
"""

from dataclasses import asdict, dataclass
from typing import Any

WRITTEN = "2025"
"""The year of what is known here: look at the service's own pages before you rely on it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A setting of the service, and what it is for."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Service:
    """One service. ``where`` is where its parameters are set; ``cannot`` is what it never takes."""

    name: str
    title: str
    where: str
    parameters: tuple[Parameter, ...]
    cannot: tuple[str, ...]
    own: str
    url: str

    def to_json(self) -> dict[str, Any]:
        """Return it as data, with what is the same for all."""
        return {**asdict(self), "sql": list(SQL), "instead": list(INSTEAD), "written": WRITTEN}


_LOGS = (
    Parameter("log_connections", "on", "who came, from where"),
    Parameter("log_disconnections", "on", "when a session ended"),
)
_MODERN = Parameter("ssl_min_protocol_version", "TLSv1.2", "no older TLS")
_SCRAM = Parameter("password_encryption", "scram-sha-256", "no MD5 hashes of passwords")
_NO_FILES = "no pg_hba.conf and no pg_ident.conf of your own"
_NO_CERTIFICATES = "no client certificates: neither a CA of yours nor method cert"
_PLAIN = (_NO_FILES, _NO_CERTIFICATES)

SQL = (
    "set password_encryption = 'scram-sha-256';",
    "create role pgward_edge login noinherit;  -- then, in psql: \\password pgward_edge",
    "select ssl, version from pg_stat_ssl where pid = pg_backend_pid();  -- is this TLS?",
)
"""For each of them: the edge's own role, and whether TLS is used. No password stands in SQL."""

INSTEAD = (
    (
        "put a pgward edge in front, in the same private network, and let only the edge reach the "
        "service: people show their login certificate to the edge"
    ),
    (
        "mode: postgres logs in to the service by itself with a stored secret; people never have a "
        "password of the database. mode: tcp leaves the database's own login inside the tunnel"
    ),
    "verify the service from the edge: sslmode verify-full with the service's root certificates",
)
"""What to do for what none of them can."""

_RDS = (
    Parameter("rds.force_ssl", "1", "refuses connections without TLS"),
    Parameter("rds.accepted_password_auth_method", "scram", "refuses MD5 passwords"),
    _SCRAM,
    _MODERN,
    *_LOGS,
)
_IAM = "IAM database authentication (role rds_iam), with tokens of 15 minutes"

SERVICES = (
    Service(
        "rds",
        "Amazon RDS",
        "the instance's DB parameter group",
        _RDS,
        _PLAIN,
        _IAM,
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_PostgreSQL.html",
    ),
    Service(
        "aurora",
        "Amazon Aurora",
        "the DB cluster parameter group",
        _RDS,
        _PLAIN,
        _IAM,
        "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraPostgreSQL.html",
    ),
    Service(
        "cloudsql",
        "Google Cloud SQL",
        "gcloud sql instances patch: --ssl-mode, and --database-flags for the rest",
        (
            Parameter(
                "ssl-mode",
                "TRUSTED_CLIENT_CERTIFICATE_REQUIRED",
                "wants a client certificate of the instance's own CA; else ENCRYPTED_ONLY",
            ),
            _SCRAM,
            *_LOGS,
        ),
        (
            _NO_FILES,
            (
                "no CA of yours for clients: only certificates that Cloud SQL issued, which name "
                "no role and which pgward cannot renew or revoke"
            ),
        ),
        "IAM database authentication, and the Cloud SQL Auth Proxy",
        "https://cloud.google.com/sql/docs/postgres/configure-ssl-instance",
    ),
    Service(
        "azure",
        "Azure Database for PostgreSQL, flexible server",
        "its server parameters",
        (
            Parameter("require_secure_transport", "on", "refuses connections without TLS"),
            Parameter("azure.accepted_password_auth_method", "scram-sha-256", "refuses MD5"),
            _SCRAM,
            _MODERN,
            *_LOGS,
        ),
        _PLAIN,
        "Microsoft Entra authentication",
        "https://learn.microsoft.com/azure/postgresql/flexible-server/",
    ),
    Service(
        "supabase",
        "Supabase",
        "the project's database settings",
        (Parameter("Enforce SSL on incoming connections", "on", "refuses those without TLS"),),
        _PLAIN,
        "network restrictions by address, so that only the edge gets in",
        "https://supabase.com/docs/guides/platform/ssl-enforcement",
    ),
    Service(
        "neon",
        "Neon",
        "nothing needs to be set: TLS is always asked for",
        (),
        (*_PLAIN, "no reach by address alone: its proxy finds the server by the name in TLS (SNI)"),
        "the list of allowed addresses, so that only the edge gets in",
        "https://neon.com/docs/connect/connect-securely",
    ),
    Service(
        "crunchy",
        "Crunchy Bridge",
        "the cluster's configuration parameters",
        _LOGS,
        _PLAIN,
        "firewall rules, so that only the edge gets in; TLS is always asked for",
        "https://docs.crunchybridge.com/",
    ),
    Service(
        "aiven",
        "Aiven for PostgreSQL",
        "the service's advanced configuration, below pg",
        (_SCRAM,),
        _PLAIN,
        "the list of allowed addresses, so that only the edge gets in; TLS is always asked for",
        "https://aiven.io/docs/products/postgresql",
    ),
)
NAMES = tuple(service.name for service in SERVICES)


def find(name: str) -> Service:
    """Return a service by its name, which must be one of ``NAMES``."""
    return next(service for service in SERVICES if service.name == name)


def text(service: Service) -> str:
    """Return what is to be done at one service, in Markdown."""
    lines = [f"## {service.title}", "", f"Set, in {service.where}:", ""]
    if not service.parameters:
        lines[2:] = [f"In short: {service.where}.", ""]
    lines += [f"- `{each.name} = {each.value}`: {each.why}" for each in service.parameters]
    lines += [""] if service.parameters else []
    lines += ["It does not take:", "", *(f"- {each}" for each in service.cannot), ""]
    lines += [f"Of its own it has: {service.own}.", "", f"Its pages: <{service.url}>", ""]
    return "\n".join(lines)


def common() -> str:
    """Return what is the same for all, in Markdown."""
    lines = ["## For all of them", "", "Run, as its administrator:", "", "```sql", *SQL, "```", ""]
    lines += ["Instead of what they do not take:", "", *(f"- {each}" for each in INSTEAD), ""]
    return "\n".join(lines)
