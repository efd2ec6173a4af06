from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from pgward.ca.issuing import lint, profiles
from pgward.ca.issuing.lint import LintError
from pgward.ca.issuing.profiles import LOGIN, OCSP, SERVER, Contents, Urls
from pgward.pki import keys
from tests.fixtures.authority import START

KEY = keys.generate()


@pytest.fixture
def issuer(hierarchies):
    return hierarchies.user.issuing.certificate


def contents(**changes):
    made = Contents(
        subject=profiles.common_name("alice"),
        key=KEY.public_key(),
        serial=x509.random_serial_number() | 1 << 150,
        not_before=START,
        not_after=START + timedelta(hours=1),
    )
    return replace(made, **changes)


def check(profile, made, issuer, *, change=lambda builder: builder):
    certificate = change(profiles.build(profile, made, issuer)).sign(KEY, hashes.SHA256())
    lint.check(certificate, profile, issuer)


def test_what_the_profile_builds_passes(issuer):
    check(LOGIN, contents(), issuer)
    check(SERVER, contents(dns=["a.example.com", "*.example.com"], ips=["::1"]), issuer)


def test_a_nameless_one_has_a_critical_alternative_name_and_no_subject(issuer):
    nameless = replace(SERVER, nameless=True)
    made = contents(subject=profiles.subject(nameless, "10.0.0.7"), ips=["10.0.0.7"])
    check(nameless, made, issuer)
    with pytest.raises(LintError, match="the subject is not exactly one CN"):
        check(SERVER, made, issuer)
    with pytest.raises(LintError, match="the subject is not empty"):
        check(nameless, contents(ips=["10.0.0.7"]), issuer)
    certificate = profiles.build(nameless, made, issuer).sign(KEY, hashes.SHA256())
    with pytest.raises(LintError, match=r"extension 2\.5\.29\.17 is not as the profile says"):
        lint.check(certificate, SERVER, issuer)


URLS = Urls("http://crl.example.com/x.crl", "http://ocsp.example.com/ocsp")


def test_leaves_may_say_where_to_ask_and_a_responder_needs_not(issuer):
    check(LOGIN, contents(urls=URLS), issuer)
    check(SERVER, contents(dns=["a.example.com"], urls=URLS), issuer)
    check(OCSP, contents(subject=profiles.common_name("ocsp-responder"), urls=URLS), issuer)


def test_a_responder_without_nocheck_is_not_signed(issuer):
    def stripped(builder):
        return x509.CertificateBuilder(
            builder._issuer_name,
            builder._subject_name,
            builder._public_key,
            builder._serial_number,
            builder._not_valid_before,
            builder._not_valid_after,
            [each for each in builder._extensions if each.value != x509.OCSPNoCheck()],
        )

    with pytest.raises(LintError, match=r"extension 1.3.6.1.5.5.7.48.1.5 is missing"):
        check(OCSP, contents(), issuer, change=stripped)


def test_a_critical_url_is_not_signed(issuer):
    point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://x")], None, None, None)
    value = x509.CRLDistributionPoints([point])
    with pytest.raises(LintError, match=r"extension 2.5.29.31 is not as the profile says"):
        check(LOGIN, contents(), issuer, change=lambda b: b.add_extension(value, critical=True))


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"serial": 1}, "serial number is out of bounds"),
        ({"not_after": START + timedelta(days=2)}, "lives too long"),
        ({"not_before": START - timedelta(days=1)}, "begins before its issuer"),
        ({"subject": profiles.common_name("a*")}, "cannot name a person"),
        ({"subject": x509.Name([])}, "not exactly one CN"),
        (
            {
                "subject": x509.Name(
                    [
                        x509.NameAttribute(NameOID.COMMON_NAME, "alice"),
                        x509.NameAttribute(NameOID.COMMON_NAME, "admin"),
                    ]
                )
            },
            "not exactly one CN",
        ),
        (
            {
                "subject": x509.Name(
                    [
                        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
                        x509.NameAttribute(NameOID.COMMON_NAME, "alice"),
                    ]
                )
            },
            "not exactly one CN",
        ),
    ],
)
def test_bad_contents_are_found(issuer, changes, finding):
    with pytest.raises(LintError, match=finding):
        check(LOGIN, contents(**changes), issuer)


def test_outliving_the_issuer_is_found(issuer):
    end = issuer.not_valid_after_utc
    made = contents(not_before=end - timedelta(hours=1), not_after=end + timedelta(seconds=1))
    with pytest.raises(LintError, match="outlives its issuer"):
        check(LOGIN, made, issuer)


@pytest.mark.parametrize(
    ("names", "finding"),
    [
        ({}, "no alternative name"),
        ({"dns": ["under_score.example.com"]}, "not a DNS name"),
        ({"dns": ["a.*.example.com"]}, "not a DNS name"),
        ({"dns": ["UPPER.example.com"]}, "not a DNS name"),
    ],
)
def test_bad_alternative_names_are_found(issuer, names, finding):
    with pytest.raises(LintError, match=finding):
        check(SERVER, contents(**names), issuer)


def test_other_kinds_of_alternative_names_are_found(issuer):
    builder = profiles.build(LOGIN, contents(), issuer).add_extension(
        x509.SubjectAlternativeName([x509.RFC822Name("a@example.com")]), critical=False
    )
    certificate = builder.sign(KEY, hashes.SHA256())
    as_server = replace(SERVER, purpose=LOGIN.purpose)
    with pytest.raises(LintError, match="neither DNS nor IP"):
        lint.check(certificate, as_server, issuer)


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        (x509.DNSName("a.example.com"), "no mailbox"),
        (x509.RFC822Name("root@localhost"), "not a mailbox"),
        (x509.RFC822Name("a+b@example.com"), "not a mailbox"),
    ],
)
def test_what_cannot_be_a_persons_alternative_name_is_found(issuer, name, finding):
    builder = profiles.build(LOGIN, contents(), issuer).add_extension(
        x509.SubjectAlternativeName([name]), critical=False
    )
    certificate = builder.sign(KEY, hashes.SHA256())
    with pytest.raises(LintError, match=finding):
        lint.check(certificate, replace(LOGIN, subject_alt_names=True), issuer)


def test_a_purpose_that_no_rule_adds_is_found(issuer):
    added = replace(LOGIN, extra_purposes=(x509.ObjectIdentifier("1.3.6.1.5.2.3.4"),))
    certificate = profiles.build(added, contents(), issuer).sign(KEY, hashes.SHA256())
    lint.check(certificate, added, issuer)
    with pytest.raises(LintError, match="not as the profile says"):
        lint.check(certificate, LOGIN, issuer)


def test_an_extension_too_many_is_found(issuer):
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    with pytest.raises(LintError, match=r"unexpected extension 1\.2\.3\.4"):
        check(LOGIN, contents(), issuer, change=lambda b: b.add_extension(unknown, critical=True))


@pytest.mark.parametrize("wrong", [SERVER, profiles.ISSUING, profiles.SNAPSHOT])
def test_a_certificate_of_another_profile_is_found(issuer, wrong):
    made = contents(dns=["a.example.com"])
    certificate = profiles.build(wrong, made, issuer).sign(KEY, hashes.SHA256())
    with pytest.raises(LintError, match="extension"):
        lint.check(certificate, LOGIN, issuer)


def test_an_issuer_of_another_name_is_found(issuer, hierarchies):
    certificate = profiles.build(LOGIN, contents(), issuer).sign(KEY, hashes.SHA256())
    with pytest.raises(LintError, match="another name"):
        lint.check(certificate, LOGIN, hierarchies.server.issuing.certificate)


def test_a_root_under_another_is_found(issuer):
    certificate = profiles.build(profiles.ROOT, contents(), issuer).sign(KEY, hashes.SHA256())
    with pytest.raises(LintError, match="not its own issuer"):
        lint.check(certificate, profiles.ROOT, None)


def crl(issuer, *, extensions=None, entries=(), end=START + timedelta(days=7)):
    if extensions is None:
        extensions = [(profiles.authority_key_id(issuer), False), (x509.CRLNumber(1), False)]
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(START)
        .next_update(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    for serial in entries:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(START)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(KEY, hashes.SHA256())


def test_a_good_crl_passes(issuer):
    lint.check_crl(crl(issuer, entries=[7, 8]), issuer)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"extensions": [(x509.CRLNumber(1), False)]}, "not AKI and CRL number"),
        ({"entries": [7, 7]}, "occurs twice"),
    ],
)
def test_bad_crls_are_found(issuer, changes, finding):
    with pytest.raises(LintError, match=finding):
        lint.check_crl(crl(issuer, **changes), issuer)


def test_critical_crl_extensions_and_other_issuers_are_found(issuer, hierarchies):
    distribution = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    bad = crl(issuer, extensions=[(x509.CRLNumber(1), False), (distribution, True)])
    with pytest.raises(LintError, match=r"another name; .*not AKI.*; an extension is critical"):
        lint.check_crl(bad, hierarchies.server.issuing.certificate)
