"""TLS of sinks: the system's certificate authorities or a file's, and a client certificate."""

import ssl
from typing import Final

from pgward.audit.sinks.sink import SinkUrl
from pgward.core.errors import InvalidInputError

OPTIONS: Final = frozenset({"ca", "cert", "key"})


def context(url: SinkUrl) -> ssl.SSLContext:
    """Return a context that verifies the server as ``ca=FILE`` (PEM) or the system says.

    ``cert=FILE,key=FILE`` is shown to it. Raises InvalidInputError.
    """
    options = url.options
    try:
        made = ssl.create_default_context(cafile=options.get("ca"))
        if "cert" in options:
            made.load_cert_chain(options["cert"], options.get("key"))
    except (OSError, ssl.SSLError) as error:
        why = (error.strerror or str(error)).lower()
        raise InvalidInputError(
            f"the certificates of the sink cannot be read: {why}", where=url.text
        ) from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
