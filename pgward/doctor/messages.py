"""What terse messages of PostgreSQL, libpq and OpenSSL mean: a table, and how to look into it.

The first row that fits counts, so the narrow ones come first. Texts are compared in lower case
with spaces for underscores: libpq's, Python's and PostgreSQL's log all find the same row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """One kind of message: what it means, and what to do."""

    name: str
    meaning: str
    hint: str


_REFRESH = "on the database host: pgward hba refresh, then look at PostgreSQL's log"
_LOGIN = "pgward login, then connect again"
_DBA = "ask whoever runs the database; on its host: pgward hba apply"

# Of each row: the patterns, a name, what they mean, what to do.
_ROWS: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        (r"alert unknown ca",),
        "unknown_ca",
        (
            "the server could not check your certificate: it trusts another CA (ssl_ca_file), or a"
            " revocation list of one of its CAs is missing or has expired (ssl_crl_file,"
            " ssl_crl_dir)"
        ),
        _REFRESH,
    ),
    (
        (r"alert certificate revoked",),
        "certificate_revoked",
        "the server found your certificate on a revocation list",
        "pgward login gets another one, unless your account is blocked",
    ),
    (
        (r"alert certificate expired",),
        "certificate_expired",
        "your certificate has expired, or the server's clock or one of its revocation lists is off",
        f"{_LOGIN}; if it stays so, compare the clocks, and {_REFRESH}",
    ),
    (
        (r"alert certificate required", r"connection requires a valid client certificate"),
        "certificate_required",
        (
            "the server wants a client certificate and got none: sslcert is not set, names a file"
            " that is not there (libpq skips that silently), or sslcertmode=disable is set"
        ),
        "use pgward psql, or the sslcert and sslkey that pgward whoami --paths shows",
    ),
    (
        (r"alert bad certificate",),
        "bad_certificate",
        (
            "the server did not take the certificate: it is damaged, or signed in a way that it"
            " does not accept"
        ),
        _LOGIN,
    ),
    (
        (
            r"unsupported certificate purpose",
            r"unsuitable certificate purpose",
            r"alert unsupported certificate",
        ),
        "wrong_purpose",
        (
            "that certificate is for another purpose: a server's certificate was shown where a"
            " person's belongs, or the other way round"
        ),
        "use the files that pgward whoami --paths shows",
    ),
    (
        (r"alert protocol version", r"unsupported protocol", r"no protocols available"),
        "tls_version",
        "the two ends share no version of TLS",
        "update the older one; look at ssl_min_protocol_version and ssl_max_protocol_version",
    ),
    (
        (r"alert handshake failure", r"no shared cipher", r"no suitable (key share|signature)"),
        "handshake_failure",
        "the two ends share no cipher or type of key, or something in between changes TLS",
        "update the older end; look at ssl_ciphers and ssl_ecdh_curve",
    ),
    (
        (r"alert decrypt error", r"alert decryption failed"),
        "decrypt_error",
        "the signature did not fit: the key belongs to another certificate",
        _LOGIN,
    ),
    (
        (r"alert unrecognized name",),
        "unrecognized_name",
        "the server serves no such host name",
        "check the host name",
    ),
    (
        (r"alert internal error",),
        "internal_error",
        "the server ran into trouble in the middle of TLS",
        "see its log",
    ),
    (
        (r"key values mismatch", r"does not match the certificate", r"x509.*values mismatch"),
        "key_mismatch",
        "sslcert and sslkey do not belong together",
        "use the pair that pgward whoami --paths shows: both change with every renewal",
    ),
    (
        (
            r"private key file .* has group or world access",
            r"has insecure permissions",
            r"unprotected private key",
        ),
        "key_permissions",
        "others may read the private key's file, so libpq does not use it",
        "chmod 0600 FILE, and do not copy keys out of PGWARD_HOME",
    ),
    (
        (r"private key file .* (does not exist|must be owned)", r"could not load private key"),
        "key_unreadable",
        "libpq cannot use the private key's file: it is not there, not yours, or in another format",
        "use the sslkey that pgward whoami --paths shows",
    ),
    (
        (
            r"root certificate file .* does not exist",
            r"could not read root certificate file",
            r"location for root.crt",
        ),
        "root_missing",
        "sslmode=verify-… needs the CA's roots (sslrootcert), and that file is not there",
        "use the sslrootcert that pgward whoami --paths shows",
    ),
    (
        (r"could not read certificate file", r"certificate file .* does not exist"),
        "certificate_unreadable",
        "the certificate's file cannot be read",
        "use the sslcert that pgward whoami --paths shows; without one: pgward login",
    ),
    (
        (r"could not load ssl certificate revocation list", r"unable to get certificate crl"),
        "crl_missing",
        (
            "a revocation list is asked for and is not there: with sslcrl, every CA of the chain"
            " needs a list that has not expired"
        ),
        "remove sslcrl (and ~/.postgresql/root.crl), or keep the lists current",
    ),
    (
        (r"crl has expired", r"crl is not yet valid"),
        "crl_stale",
        "a revocation list is out of date, so every certificate is refused",
        f"remove sslcrl and ~/.postgresql/root.crl if it is yours; {_REFRESH}",
    ),
    (
        (r"hostname mismatch", r"ip address mismatch", r"does not match host name"),
        "wrong_host",
        "the server's certificate is for another name than the one connected to",
        "connect to the name in the certificate (host=), and give the address as hostaddr=",
    ),
    (
        (r"self[- ]signed certificate",),
        "self_signed",
        (
            "the server shows a certificate that no CA of yours signed: another server answers, a"
            " proxy breaks TLS open, or sslrootcert names other roots"
        ),
        "use the sslrootcert that pgward whoami --paths shows",
    ),
    (
        (r"certificate is not yet valid",),
        "not_yet_valid",
        "by this machine's clock the certificate is from the future",
        "compare the clocks (pgward doctor shows the difference)",
    ),
    (
        (r"certificate has expired",),
        "server_expired",
        "by this machine's clock the other side's certificate has expired",
        "compare the clocks; else ask whoever runs the server to renew it",
    ),
    (
        (r"unable to get (local )?issuer certificate", r"certificate verify failed"),
        "verify_failed",
        (
            "the server did not prove who it is: its certificate comes from another CA than the one"
            " in sslrootcert, a proxy breaks TLS open, or a list in sslcrl (or in"
            " ~/.postgresql/root.crl) has expired"
        ),
        "use the sslrootcert that pgward whoami --paths shows; do not turn the check off",
    ),
    (
        (r"no pg_hba\.conf entry for host .* (no encryption|ssl off)",),
        "hba_needs_tls",
        "pg_hba.conf lets nobody in without TLS from there, and the connection had none",
        "sslmode=verify-full, or pgward psql",
    ),
    (
        (r"no pg_hba\.conf entry", r"pg_hba\.conf rejects connection"),
        "no_hba_entry",
        "no line of pg_hba.conf lets this user into this database from this address",
        _DBA,
    ),
    (
        (r"certificate authentication failed for user",),
        "wrong_user",
        (
            "the certificate is in order, but the database user is not the name in it, and no line"
            " of pg_ident.conf maps the one to the other"
        ),
        "connect as the user that pgward whoami shows (PGUSER or user= may say otherwise)",
    ),
    (
        (r"password authentication failed", r"no password supplied", r"empty password"),
        "password_wanted",
        (
            "pg_hba.conf asks this connection for a password: an earlier line than the one for"
            " certificates fits it"
        ),
        _DBA,
    ),
    (
        (r"role .* does not exist",),
        "no_role",
        "PostgreSQL knows no such user: the certificate is in order, the role is missing",
        "an administrator of the database creates it: create role … login",
    ),
    (
        (r"role .* is not permitted to log in",),
        "no_login",
        "the role exists and may not log in",
        "an administrator of the database: alter role … login",
    ),
    (
        (r"permission denied for database", r"user does not have connect privilege"),
        "no_connect",
        "the role may not connect to this database",
        "an administrator of the database: grant connect on database … to …",
    ),
    (
        (r"database .* does not exist",),
        "no_database",
        (
            "the login worked; there is no database of that name (libpq takes the user's name when"
            " none is given)"
        ),
        "name the database: dbname=…",
    ),
    (
        (r"too many clients already", r"remaining connection slots", r"too many connections for"),
        "too_many",
        "PostgreSQL has all its connections in use",
        "close some, or ask whoever runs it (max_connections, connection limits)",
    ),
    (
        (r"the database system is (starting up|shutting down|in recovery|not yet accepting)",),
        "starting",
        "PostgreSQL is just starting, stopping, or recovering",
        "try again in a moment",
    ),
    (
        (r"server does not support ssl",),
        "no_ssl",
        "PostgreSQL answers and has TLS switched off (ssl = off), or something in front of it has",
        _DBA,
    ),
    (
        (r"invalid response to ssl negotiation", r"wrong version number", r"http request"),
        "not_tls",
        "something else than expected answers on that port: no PostgreSQL, or a proxy",
        "check host and port, and any proxy in between",
    ),
    (
        (
            r"ssl syscall error: eof",
            r"unexpected eof",
            r"eof occurred in violation",
            r"server closed the connection unexpectedly",
            r"connection reset",
            r"zero return",
        ),
        "cut",
        (
            "the connection was cut in the middle: the other end stopped or refused without a word,"
            " or a firewall or proxy in between cuts what it does not know"
        ),
        "see the other end's log; try from another network",
    ),
    (
        (r"could not translate host name", r"name or service not known", r"nodename nor servname"),
        "no_host",
        "that host name has no address here",
        "check the name, the DNS and the VPN if the name is internal",
    ),
    (
        (r"connection refused",),
        "refused",
        "the host is there and nothing listens on that port",
        "check the port, and that the server runs",
    ),
    (
        (r"no route to host", r"network is unreachable"),
        "no_route",
        "this machine has no way to that address",
        "check the network, the VPN and firewalls",
    ),
    (
        (r"timed? ?out", r"timeout expired"),
        "timeout",
        (
            "nothing came back in time: a firewall drops the packets, the host is off, or the"
            " program there hangs"
        ),
        "check the address, the network and firewalls",
    ),
    (
        (r"channel binding (is )?required",),
        "channel_binding",
        "channel_binding=require asks for a password with SCRAM, and certificates use none",
        "unset PGCHANNELBINDING",
    ),
    (
        (r"gssapi encryption required", r"gssencmode"),
        "gss",
        "gssencmode asks for Kerberos encryption, which these servers do not speak",
        "unset PGGSSENCMODE",
    ),
    (
        (r"definition of service .* not found", r"service file .* not found"),
        "no_service",
        "libpq's service file has no such section",
        "unset PGSERVICE, or name a section that is there",
    ),
    (
        (r"ca md too weak", r"ee key too small", r"ca key too small"),
        "weak_key",
        "OpenSSL here wants stronger keys or signatures than the certificate has",
        "whoever runs the server renews its certificate with a stronger key",
    ),
)

_TABLE: tuple[tuple[re.Pattern[str], Meaning], ...] = tuple(
    (re.compile("|".join(patterns)), Meaning(name, meaning, hint))
    for patterns, name, meaning, hint in _ROWS
)
_MOST = 64 * 1024


def meanings() -> Iterator[Meaning]:
    """Return every row."""
    return (meaning for _, meaning in _TABLE)


def translate(text: str) -> Meaning | None:
    """Return what a message means; None for one that is not in the table."""
    plain = " ".join(text[:_MOST].lower().replace("_hba.conf", "§hba.conf").split("_"))
    plain = plain.replace("§hba.conf", "_hba.conf")
    return next((meaning for pattern, meaning in _TABLE if pattern.search(plain)), None)
