"""Go's drivers: pgx, and lib/pq for database/sql.

Neither knows ``hostaddr``: a dialer leads to the tunnel, and the server's own name is verified.
"""

from pgward.client.config.facts import Facts
from pgward.client.config.formats import libpq
from pgward.client.config.quoting import double
from pgward.client.conninfo import write


def pgx(facts: Facts) -> str:
    """Return Go for pgx 5; a pool takes the same as its ``ConnConfig``."""
    return _pgx(facts, 5)


def pgx_v4(facts: Facts) -> str:
    """Return Go for pgx 4."""
    return _pgx(facts, 4)


def _pgx(facts: Facts, version: int) -> str:
    # It reads the certificate once, when it parses; with the callback each handshake does.
    imports = [
        "context",
        *(["crypto/tls"] if facts.shows_certificate else []),
        *(["net"] if facts.address else []),
    ]
    body = [f"\tconfig, err := pgx.ParseConfig({double(_dsn(facts))})"]
    body += ["\tif err != nil {", "\t\treturn nil, err", "\t}"]
    if facts.address:
        body += _dial(facts)
    if facts.shows_certificate:
        body += _certificate(facts)
    body.append("\treturn pgx.ConnectConfig(ctx, config)")
    third = f'\n\n\t"github.com/jackc/pgx/v{version}"'
    lines = "\n".join(f"\t{double(each)}" for each in imports)
    return (
        f"package database\n\nimport (\n{lines}{third}\n)\n\n"
        "// Connect opens a session with the certificate that is there now.\n"
        "func Connect(ctx context.Context) (*pgx.Conn, error) {\n" + "\n".join(body) + "\n}"
    )


def _dial(facts: Facts) -> list[str]:
    where = double(_joined(facts))
    return [
        "\tdialer := &net.Dialer{}",
        "\tconfig.LookupFunc = func(_ context.Context, host string) ([]string, error) {",
        "\t\treturn []string{host}, nil",
        "\t}",
        "\tconfig.DialFunc = func(ctx context.Context, network, _ string) (net.Conn, error) {",
        f"\t\treturn dialer.DialContext(ctx, network, {where})",
        "\t}",
    ]


def _certificate(facts: Facts) -> list[str]:
    files = f"{double(facts.cert)}, {double(facts.key)}"
    callback = "func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {"
    return [
        "\tconfig.TLSConfig.Certificates = nil",
        f"\tconfig.TLSConfig.GetClientCertificate = {callback}",
        f"\t\tpair, err := tls.LoadX509KeyPair({files})",
        "\t\treturn &pair, err",
        "\t}",
    ]


def lib_pq(facts: Facts) -> str:
    """Return Go for lib/pq: ``sql.OpenDB`` of a connector."""
    imports = ["database/sql", *(["net", "time"] if facts.address else [])]
    lines = "\n".join(f"\t{double(each)}" for each in imports)
    body = [f"\tconnector, err := pq.NewConnector({double(_dsn(facts))})"]
    body += ["\tif err != nil {", "\t\treturn nil, err", "\t}"]
    if facts.address:
        body.append("\tconnector.Dialer(tunnel{})")
    body.append("\treturn sql.OpenDB(connector), nil")
    return (
        f'package database\n\nimport (\n{lines}\n\n\t"github.com/lib/pq"\n)\n\n'
        f"{_tunnel(facts) if facts.address else ''}"
        "// Open returns a pool whose sessions bring the certificate that is there then.\n"
        "func Open() (*sql.DB, error) {\n" + "\n".join(body) + "\n}"
    )


def _tunnel(facts: Facts) -> str:
    where = double(_joined(facts))
    return f"""\
type tunnel struct{{}}

func (tunnel) Dial(network, _ string) (net.Conn, error) {{
\treturn net.Dial(network, {where})
}}

func (tunnel) DialTimeout(network, _ string, timeout time.Duration) (net.Conn, error) {{
\treturn net.DialTimeout(network, {where}, timeout)
}}

"""


def _dsn(facts: Facts) -> str:
    """Return the connection string without ``hostaddr``, which Go's drivers send to the server.

    lib/pq knows neither ``prefer`` nor ``allow``, both of which promise nothing.
    """
    found = libpq.fields(facts)
    found.pop("hostaddr", None)
    if facts.sslmode in ("prefer", "allow"):
        found["sslmode"] = "require"
    return write(found)


def _joined(facts: Facts) -> str:
    return (
        f"[{facts.target}]:{facts.port}" if ":" in facts.target else f"{facts.target}:{facts.port}"
    )
