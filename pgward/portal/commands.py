"""``pgward ca serve``."""

from pathlib import Path

import click

from pgward.ca.http.address_type import AddressType
from pgward.ca.keys import options as key_options
from pgward.ca.observability import logs
from pgward.ca.store import database_url as urls
from pgward.core.address import Address

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option(
    "--listen", type=AddressType(), help="Instead of what pgward.toml says; port 0 picks one."
)
@key_options.opening
@click.option(
    "--ready-file",
    metavar="FILE",
    type=_PATH,
    help="Write url, address, fingerprint and pid there as JSON, once it serves.",
)
@urls.option
@click.option(
    "--metrics", type=AddressType(), help="Serve http://HOST:PORT/metrics to Prometheus there."
)
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How to log.")
@click.option(
    "--traces",
    type=click.Choice(["none", "otlp"]),
    help="Send traces where OTEL_EXPORTER_OTLP_ENDPOINT says.",
)
@click.option(
    "--archive",
    metavar="DIR|S3",
    help="Keep what edges put on record there: a directory, or s3://BUCKET/PREFIX?endpoint=URL."
    "  [default: archive in DIR]",
)
def serve(
    *,
    directory: Path,
    listen: Address | None,
    passphrase_file: str | None,
    pin_file: str | None,
    ready_file: Path | None,
    database_url: str | None,
    database_url_file: str | None,
    metrics: Address | None,
    log_format: str | None,
    traces: str | None,
    archive: str | None,
) -> None:
    """Serve the HTTPS API of the CA in DIR, until SIGTERM or Ctrl-C.

    Prints `listening HOST:PORT` on standard output when it is ready. The roots' keys may be away.
    Several may serve one database, each with a copy of DIR: see docs/how-to/several-replicas.md.
    """
    # The HTTP service is slow to import.
    from pgward.ca import serve as serving  # noqa: PLC0415 - as said
    from pgward.portal import front  # noqa: PLC0415 - as said

    store = urls.chosen(database_url, database_url_file)
    logs.to_terminal()
    options = serving.Options(
        listen=listen,
        passphrase_source=passphrase_file,
        pin_source=pin_file,
        ready_file=ready_file,
        database_url=store,
        metrics=metrics,
        log_format=log_format,
        traces=traces,
        archive=archive,
    )
    serving.run(directory, options, front.install)
