"""What managed PostgreSQL services can take of pgward's plan, and what they cannot. Pure.

Each fact names the page of the service that says so, or is told as not confirmed: ``CHECKED`` is
when the pages were read, in copies of varying age. Nothing was tried at the services themselves.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

CHECKED = "November 2026"
"""When the pages were read: look at the service's own before you rely on it."""

UNCONFIRMED = "not confirmed"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A setting of the service, what it is for, and the page that says so."""

    name: str
    value: str
    why: str
    source: str | None = None

    def __str__(self) -> str:
        """Return it in Markdown, without its source."""
        return f"`{self.name} = {self.value}`: {self.why}"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something about the service, and the page that says so."""

    text: str
    source: str | None = None

    def __str__(self) -> str:
        """Return it without its source."""
        return self.text


@dataclass(frozen=True, slots=True)
class Service:
    """One service. ``where`` is where its parameters are set; ``cannot`` is what it never takes."""

    name: str
    title: str
    where: str
    parameters: tuple[Parameter, ...]
    cannot: tuple[Fact, ...]
    own: tuple[Fact, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The pages, each once, in the order of the facts."""
        facts: tuple[Parameter | Fact, ...] = (*self.parameters, *self.cannot, *self.own)
        return tuple(dict.fromkeys(each.source for each in facts if each.source is not None))

    def to_json(self) -> dict[str, Any]:
        """Return it as data, with what is the same for all."""
        return {**asdict(self), "sql": list(SQL), "instead": list(INSTEAD), "checked": CHECKED}


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
        "mode: postgres: the edge logs in by itself, with a password that the CA keeps (pgward "
        "secret), rules what people do and puts it on record; people never have a password of the "
        "database"
    ),
    (
        "mode: tcp leaves the database's own login inside the tunnel: no person comes as far as "
        "that without a login certificate"
    ),
    (
        "verify the service from the edge: sslMode verify-full, and sslRootCert with the service's "
        "root certificates (mode: tcp: clients do that)"
    ),
)
"""What to do for what none of them can."""

_NO_FILES = "no pg_hba.conf and no pg_ident.conf of your own"
_NO_CERTIFICATES = "no client certificates: neither a CA of yours nor method cert"
_LOGS = (
    Parameter("log_connections", "on", "who came, from where"),
    Parameter("log_disconnections", "on", "when a session ended"),
)
_SCRAM_WHY = "no MD5 hashes of passwords"


def _amazon(guide: str, *, tls_default: str) -> tuple[tuple[Parameter, ...], tuple[Fact, ...]]:
    """Return the parameters of RDS and Aurora, and their own way in."""
    base = f"https://docs.aws.amazon.com/AmazonRDS/latest/{guide}"
    scram = f"{base}/PostgreSQL_Password_Encryption_configuration.html"
    page = {
        "UserGuide": f"{base}/PostgreSQL.Concepts.General.SSL.html",
        "AuroraUserGuide": f"{base}/ssl-certificate-rotation-aurora-postgresql.html",
    }[guide]
    parameters = (
        Parameter("rds.force_ssl", "1", f"refuses connections without TLS; {tls_default}", page),
        Parameter("rds.accepted_password_auth_method", "scram", "refuses MD5 passwords", scram),
        Parameter("password_encryption", "scram-sha-256", _SCRAM_WHY, scram),
        Parameter("ssl_min_protocol_version", "TLSv1.2", "no older TLS"),
        *_LOGS,
    )
    own = Fact(
        "IAM database authentication (role rds_iam), with tokens of 15 minutes",
        f"{base}/UsingWithRDS.IAMDBAuth.html",
    )
    return parameters, (own,)


_RDS, _RDS_OWN = _amazon("UserGuide", tls_default="the default from 15 on")
_AURORA, _AURORA_OWN = _amazon("AuroraUserGuide", tls_default="off by default")
_ONE_WAY = "https://repost.aws/knowledge-center/aurora-postgresql-ssl-certificates"
_AMAZON_CANNOT = (
    Fact(_NO_FILES, _ONE_WAY),
    Fact(f"{_NO_CERTIFICATES} (TLS is one-way)", _ONE_WAY),
)
_GOOGLE = "https://cloud.google.com/sql/docs/postgres"
_ALLOYDB = (
    "https://docs.cloud.google.com/dotnet/docs/reference/Google.Cloud.AlloyDb.V1/latest/"
    "Google.Cloud.AlloyDb.V1.SslConfig.Types.SslMode"
)
_AZURE = "https://learn.microsoft.com/azure/postgresql/security"
_SUPABASE = "https://supabase.com/docs/guides"
_NEON = "https://neon.com/docs"
_CRUNCHY = "https://docs.crunchybridge.com"
_AIVEN = "https://aiven.io/docs/products/postgresql/reference/advanced-params"
_ALIBABA = "https://www.alibabacloud.com/help/en/rds/apsaradb-rds-for-postgresql"
_CLIENT_CA = (
    f"{_ALIBABA}/configure-a-client-ca-certificate-on-an-apsaradb-rds-for-postgresql-instance"
)
_CLIENT_ACL = f"{_ALIBABA}/forcefully-enable-ssl-connections-on-the-client"

SERVICES = (
    Service(
        "rds", "Amazon RDS", "the instance's DB parameter group", _RDS, _AMAZON_CANNOT, _RDS_OWN
    ),
    Service(
        "aurora",
        "Amazon Aurora",
        "the DB cluster parameter group",
        _AURORA,
        _AMAZON_CANNOT,
        _AURORA_OWN,
    ),
    Service(
        "cloudsql",
        "Google Cloud SQL",
        "gcloud sql instances patch: --ssl-mode, and --database-flags for the rest",
        (
            Parameter(
                "ssl-mode",
                "TRUSTED_CLIENT_CERTIFICATE_REQUIRED",
                "wants a client certificate of Cloud SQL's own CA; else ENCRYPTED_ONLY. Without "
                "either, connections without TLS are let in",
                f"{_GOOGLE}/configure-ssl-instance",
            ),
            Parameter("log_connections", "on", "who came, from where", f"{_GOOGLE}/flags"),
            Parameter("log_disconnections", "on", "when a session ended"),
            Parameter("password_encryption", "scram-sha-256", _SCRAM_WHY),
        ),
        (
            Fact(_NO_FILES),
            Fact(
                "no CA of yours for clients: only certificates that Cloud SQL issued, which pgward "
                "cannot renew or revoke",
                f"{_GOOGLE}/authorize-ssl",
            ),
        ),
        (
            Fact("the Cloud SQL Auth Proxy", f"{_GOOGLE}/authorize-ssl"),
            Fact("IAM database authentication", f"{_GOOGLE}/built-in-authentication"),
        ),
    ),
    Service(
        "alloydb",
        "Google AlloyDB",
        "the instance's SSL configuration",
        (
            Parameter(
                "sslMode",
                "ENCRYPTED_ONLY",
                "refuses connections without TLS; the default",
                _ALLOYDB,
            ),
        ),
        (
            Fact(_NO_FILES),
            Fact(
                "no CA of yours for clients: VERIFY_CA wants certificates of the cluster's own",
                _ALLOYDB,
            ),
        ),
        (Fact("IAM database authentication, and the AlloyDB Auth Proxy"),),
    ),
    Service(
        "azure",
        "Azure Database for PostgreSQL, flexible server",
        "its server parameters",
        (
            Parameter(
                "require_secure_transport",
                "on",
                "refuses connections without TLS; the default",
                f"{_AZURE}/security-tls",
            ),
            Parameter(
                "ssl_min_protocol_version",
                "TLSv1.3",
                "no older TLS; 1.0 and 1.1 are refused in any case",
                f"{_AZURE}/security-tls",
            ),
            Parameter(
                "azure.accepted_password_auth_method",
                "scram-sha-256",
                "refuses MD5",
                f"{_AZURE}/security-connect-scram",
            ),
            Parameter(
                "password_encryption",
                "scram-sha-256",
                _SCRAM_WHY,
                f"{_AZURE}/security-connect-scram",
            ),
            *_LOGS,
        ),
        (Fact(_NO_FILES), Fact(_NO_CERTIFICATES, f"{_AZURE}/security-tls")),
        (Fact("Microsoft Entra authentication", f"{_AZURE}/security-entra-concepts"),),
    ),
    Service(
        "supabase",
        "Supabase",
        "the project's database settings",
        (
            Parameter(
                "Enforce SSL on incoming connections",
                "on",
                "refuses those without TLS, which are let in otherwise; restarts the database",
                f"{_SUPABASE}/platform/ssl-enforcement",
            ),
        ),
        (
            Fact(_NO_FILES),
            Fact(_NO_CERTIFICATES),
            Fact(
                "no log_connections, no ssl settings: its list of parameters has none of them",
                f"{_SUPABASE}/database/custom-postgres-config",
            ),
        ),
        (
            Fact(
                "network restrictions by address, for the pooler too: only the edge gets in",
                f"{_SUPABASE}/platform/network-restrictions",
            ),
        ),
    ),
    Service(
        "neon",
        "Neon",
        "nothing needs to be set: connections without TLS are refused",
        (),
        (
            Fact(_NO_FILES),
            Fact(_NO_CERTIFICATES),
            Fact(
                "no reach by address alone: its proxy finds the server by the name in TLS (SNI), "
                "or by the option endpoint",
                f"{_NEON}/connect/connection-errors",
            ),
        ),
        (
            Fact("TLS always asked for", f"{_NEON}/connect/connect-securely"),
            Fact(
                "IP Allow, the list of allowed addresses, so that only the edge gets in (not in "
                "every plan)",
                f"{_NEON}/introduction/ip-allow",
            ),
            Fact(
                "private networking over AWS PrivateLink", f"{_NEON}/guides/neon-private-networking"
            ),
        ),
    ),
    Service(
        "crunchy",
        "Crunchy Bridge",
        "the cluster's configuration parameters",
        _LOGS,
        (Fact(_NO_FILES), Fact(_NO_CERTIFICATES)),
        (
            Fact(
                "firewall rules, so that only the edge gets in; at first they let everybody in",
                f"{_CRUNCHY}/general/networking-and-firewall-rules/",
            ),
            Fact(
                "a certificate for each team, to verify its servers by",
                f"{_CRUNCHY}/api/certificate",
            ),
        ),
    ),
    Service(
        "aiven",
        "Aiven for PostgreSQL",
        "the service's advanced configuration",
        (
            Parameter(
                "ip_filter",
                "the edge's address",
                "only the edge gets in; everybody at first",
                _AIVEN,
            ),
        ),
        (
            Fact(_NO_FILES),
            Fact(_NO_CERTIFICATES),
            Fact(
                "no log_connections, no password_encryption: its list of parameters has neither",
                _AIVEN,
            ),
        ),
        (Fact("TLS on all connections", "https://aiven.io/developer/query-a-postgresql-database"),),
    ),
    Service(
        "apsaradb",
        "Alibaba Cloud ApsaraDB RDS",
        "its console, under SSL",
        (
            Parameter(
                "client CA certificate",
                "the user CA's roots",
                "it checks login certificates itself, as your own server does",
                _CLIENT_CA,
            ),
            Parameter(
                "Configure ACL",
                "verify-full",
                "asks for a certificate whose name is the role; 12 or later",
                _CLIENT_ACL,
            ),
            Parameter(
                "certificate revocation list",
                "those of every user CA",
                "each change restarts the instance, for about 3 minutes, and PostgreSQL refuses "
                "everyone once one has expired: weekly, or none and an edge in front",
                _CLIENT_CA,
            ),
        ),
        (
            Fact("no files: lines of pg_hba.conf are edited in its console", _CLIENT_ACL),
            Fact("no pg_ident.conf of your own: the certificate's name is the role"),
        ),
        (Fact("a list of allowed addresses, so that only the edge gets in"),),
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
    lines += [*_items(service, service.parameters), ""] if service.parameters else []
    lines += ["It does not take:", "", *_items(service, service.cannot), ""]
    lines += ["Of its own it has:", "", *_items(service, service.own), ""]
    lines += [f"[{number}] <{page}>  " for number, page in enumerate(service.sources, start=1)]
    return "\n".join([*lines, ""])


def common() -> str:
    """Return what is the same for all, in Markdown."""
    lines = ["## For all of them", "", "Run, as its administrator:", "", "```sql", *SQL, "```", ""]
    lines += ["Instead of what they do not take:", "", *(f"- {each}" for each in INSTEAD), ""]
    return "\n".join(lines)


def _items(service: Service, facts: Iterable[Parameter | Fact]) -> list[str]:
    """Return facts as items, each with the number of its page."""
    return [
        f"- {each} "
        + (f"({UNCONFIRMED})" if each.source is None else f"[{_number(service, each.source)}]")
        for each in facts
    ]


def _number(service: Service, page: str) -> int:
    return service.sources.index(page) + 1
