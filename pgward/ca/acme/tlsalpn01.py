"""The challenge tls-alpn-01: a certificate shown to ``acme-tls/1`` only (RFC 8737)."""

import asyncio
import hashlib
import hmac
import ssl
from ipaddress import ip_address

from cryptography import x509

from pgward.ca.acme.identifiers import DNS, Identifier
from pgward.ca.acme.problems import AcmeError, unauthorized
from pgward.ca.acme.targets import Targets

PROTOCOL = "acme-tls/1"
IDENTIFIER_OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
SECONDS = 10.0
_OCTET_STRING_32 = b"\x04\x20"  # DER: an OCTET STRING of 32 bytes


async def check(identifier: Identifier, expected: str, *, targets: Targets, port: int) -> None:
    """Raise AcmeError unless the host shows a certificate for this key authorization."""
    last: Exception | None = None
    for address in await targets.find(identifier):
        try:
            async with asyncio.timeout(SECONDS):
                der = await _shown(address, identifier, port)
        except ssl.SSLError as error:
            raise AcmeError("tls", f"the host refused TLS for {PROTOCOL}") from error
        except OSError as error:  # TimeoutError is one
            last = error
        else:
            verify(der, identifier, expected)
            return
    raise AcmeError("connection", f"TLS to {identifier.value} port {port} failed") from last


def verify(der: bytes, identifier: Identifier, expected: str) -> None:
    """Raise AcmeError unless the certificate answers the challenge (RFC 8737 section 3)."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
        names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        proof = extensions.get_extension_for_oid(IDENTIFIER_OID)
    except x509.ExtensionNotFound as error:
        raise unauthorized("the host's certificate is not one for this challenge") from error
    except Exception as error:  # the parser raises several kinds, and names none as its own
        raise unauthorized("the host's certificate cannot be read") from error
    if names != [_general_name(identifier)]:
        raise unauthorized("the host's certificate is not for this name alone")
    digest = _OCTET_STRING_32 + hashlib.sha256(expected.encode()).digest()
    if not proof.critical or not hmac.compare_digest(_value(proof.value), digest):
        raise unauthorized("the host's certificate is for another key authorization")


def server_name(identifier: Identifier) -> str:
    """Return the SNI: the name, or for an address its reverse name (RFC 8738 section 6)."""
    if identifier.type == DNS:
        return identifier.value
    return ip_address(identifier.value).reverse_pointer


async def _shown(address: str, identifier: Identifier, port: int) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is self-signed: its extension is what counts
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([PROTOCOL])
    _reader, writer = await asyncio.open_connection(
        address, port, ssl=context, server_hostname=server_name(identifier)
    )
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True)
        if tls.selected_alpn_protocol() != PROTOCOL:
            raise unauthorized(f"the host does not speak {PROTOCOL}")
    finally:
        writer.transport.abort()
    if not der:
        raise unauthorized("the host showed no certificate")
    return der


def _general_name(identifier: Identifier) -> x509.GeneralName:
    if identifier.type == DNS:
        return x509.DNSName(identifier.value)
    return x509.IPAddress(ip_address(identifier.value))


def _value(extension: x509.ExtensionType) -> bytes:
    return extension.value if isinstance(extension, x509.UnrecognizedExtension) else b""
