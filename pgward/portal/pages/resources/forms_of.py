"""The forms of the kinds that have one: the fields that most people change, as tables."""

from pgward.portal.pages.resources.outline import Entry, Kind, Outline, Section

_DURATION = "As 30s, 15m, 8h or 7d."
_ONE_A_LINE = "One a line."
_EFFECTS = ("ALLOW", "DENY")
_SSL_MODES = ("verify-full", "verify-ca", "require", "prefer", "disable")
_DESCRIPTION = Entry("metadata.description", "Description", Kind.AREA)


def _people(path: str, what: str = "") -> tuple[Entry, Entry]:
    return (
        Entry(f"{path}.groups", f"Groups{what}", Kind.LINES, _ONE_A_LINE),
        Entry(f"{path}.users", f"People{what}", Kind.LINES, _ONE_A_LINE),
    )


_ROLE = "spec.postgres.user"
_DATABASE = "spec.postgres.database"
_AUTH = "spec.postgres.auth"
SERVICE: Outline = (
    Section(
        "What it is",
        (
            _DESCRIPTION,
            Entry(
                "spec.mode",
                "Mode",
                Kind.CHOICE,
                "tcp: edges pass bytes on. postgres: they speak its protocol, with policies.",
                choices=("tcp", "postgres"),
                usual="tcp",
            ),
            Entry("spec.labels", "Labels", Kind.PAIRS, "One a line, as env=prod."),
        ),
    ),
    Section(
        "Where it is",
        (
            Entry("spec.upstream.host", "Host", help="A name or an address, as edges reach it."),
            Entry("spec.upstream.port", "Port", Kind.NUMBER, usual="5432"),
            Entry("spec.edges", "Only by these edges", Kind.LINES, "One a line; none: by all."),
            Entry("spec.integration", "Integration", known="Integration"),
        ),
    ),
    Section("Who may use it", _people("spec.allow"), "Whoever has access on request may, too."),
    Section(
        "How clients check the server",
        (
            Entry("spec.database", "Database that they open"),
            Entry("spec.serverName", "Name in its certificate", usual="the host"),
            Entry("spec.sslMode", "sslmode", Kind.CHOICE, choices=_SSL_MODES, usual="verify-full"),
        ),
        mode="tcp",
    ),
    Section(
        "As whom people land",
        (
            Entry(f"{_ROLE}.force", "Everybody as the role"),
            Entry(f"{_ROLE}.allow", "Or as they ask, among the roles", Kind.LINES, _ONE_A_LINE),
            Entry(f"{_ROLE}.default", "Who does not ask, as the role"),
            Entry(f"{_ROLE}.fromPerson", "As the role that is called as the person", Kind.FLAG),
            Entry(f"{_ROLE}.stripDomain", "Without this domain of the person's name"),
            Entry(f"{_ROLE}.fromGrant", "As the role that a grant gives", Kind.FLAG),
        ),
        mode="postgres",
    ),
    Section(
        "In which database people land",
        (
            Entry(f"{_DATABASE}.force", "Everybody in the database"),
            Entry(f"{_DATABASE}.allow", "Or as they ask, among", Kind.LINES, _ONE_A_LINE),
            Entry(f"{_DATABASE}.default", "Who does not ask, in the database"),
        ),
        mode="postgres",
        is_extra=True,
    ),
    Section(
        "How edges log in at the server",
        (
            Entry(f"{_AUTH}.password.fromSecret", "By the password in the secret"),
            Entry(
                f"{_AUTH}.certificate.minutes",
                "Or by certificates for each connection, good for so many minutes",
                Kind.NUMBER,
            ),
            Entry(f"{_AUTH}.password.fromGrant", "Or by the password of each grant", Kind.FLAG),
            Entry(f"{_AUTH}.none", "Or by nothing: the server asks for nothing", Kind.FLAG),
            Entry(
                "spec.postgres.sslMode",
                "sslmode",
                Kind.CHOICE,
                choices=_SSL_MODES,
                usual="verify-full",
            ),
            Entry("spec.postgres.serverName", "Name in its certificate", usual="the host"),
        ),
        "One of these ways. The YAML knows more: files, Vault, jump hosts.",
        mode="postgres",
    ),
    Section(
        "What is let through, and what is recorded",
        (
            Entry("spec.postgres.policies", "Policies", Kind.LINES, _ONE_A_LINE, known="Policy"),
            Entry("spec.postgres.login.certificate", "By certificates", Kind.FLAG, is_on=True),
            Entry("spec.postgres.login.otp", "By one-time passwords", Kind.FLAG, is_on=True),
            Entry("spec.postgres.login.token", "By tokens", Kind.FLAG, is_on=True),
            Entry("spec.postgres.reasonRequired", "People say why they connect", Kind.FLAG),
            Entry("spec.postgres.protectRole", "The role cannot be changed", Kind.FLAG, is_on=True),
            Entry(
                "spec.postgres.recording",
                "Recording",
                Kind.CHOICE,
                choices=("none", "statements", "results"),
                usual="none",
            ),
            Entry(
                "spec.webClient",
                "SQL in the browser",
                Kind.MEANING,
                choices=("yes", "yes, and answers as files"),
                means=({}, {"export": True}),
            ),
            Entry("spec.postgres.resultLimit", "Of each result at most", help="As 64KiB or 10MiB."),
        ),
        mode="postgres",
    ),
    Section(
        "Limits",
        (
            Entry("spec.limits.maxConnections", "Connections", Kind.NUMBER),
            Entry("spec.limits.maxConnectionsPerUser", "Connections of one person", Kind.NUMBER),
        ),
        "Of one edge; none where it is left empty.",
        is_extra=True,
    ),
    Section(
        "Limits of time",
        (
            Entry("spec.limits.statementTimeout", "A statement", help=_DURATION),
            Entry("spec.limits.idleTimeout", "Doing nothing"),
            Entry("spec.limits.idleInTransactionTimeout", "Doing nothing in a transaction"),
            Entry("spec.limits.sessionTimeout", "A connection in all"),
            Entry("spec.limits.warnBefore", "A warning before that"),
        ),
        mode="postgres",
        is_extra=True,
    ),
    Section(
        "A fresh second factor",
        (
            Entry("spec.stepUp.minutes", "Not older than so many minutes", Kind.NUMBER),
            Entry("spec.stepUp.factors", "Which count", Kind.LINES, "One a line, as totp."),
            Entry("spec.stepUp.endSessions", "Connections end when it is older", Kind.FLAG),
        ),
        is_extra=True,
    ),
)
POLICY: Outline = (
    Section("What it is", (_DESCRIPTION,)),
    Section(
        "Rules",
        (
            Entry("name", "Name"),
            Entry("effect", "Effect", Kind.CHOICE, choices=_EFFECTS),
            Entry("on", "About", Kind.CHOICE, choices=("connect", "statement"), usual="connect"),
            Entry(
                "priority", "Priority", Kind.NUMBER, "Lower ones are looked at first.", usual="0"
            ),
            Entry("condition", "If", Kind.CONDITION, "An expression in CEL."),
            Entry("reason", "Reason that people are told"),
        ),
        "The first whose condition holds decides; of those with one priority, denials first.",
        each="spec.rules",
        item="Rule",
    ),
    Section(
        "Where no rule decides",
        (
            Entry("spec.connect.default", "Connections", Kind.CHOICE, choices=_EFFECTS),
            Entry("spec.statements.default", "Statements", Kind.CHOICE, choices=_EFFECTS),
            Entry(
                "spec.statements.unparsed",
                "Statements that cannot be read",
                Kind.CHOICE,
                choices=_EFFECTS,
            ),
        ),
    ),
)
ACCESS_FLOW: Outline = (
    Section(
        "For what",
        (
            _DESCRIPTION,
            Entry("spec.services", "Services", Kind.LINES, _ONE_A_LINE),
            Entry("spec.serviceLabels", "Or those with the labels", Kind.PAIRS, "As env=prod."),
            Entry("spec.bundles", "Role bundles", Kind.LINES, _ONE_A_LINE, known="RoleBundle"),
            Entry("spec.roles", "Roles", Kind.LINES, _ONE_A_LINE),
        ),
    ),
    Section("Who may ask", _people("spec.who")),
    Section(
        "For how long, and why",
        (
            Entry("spec.maxDuration", "At most", help=_DURATION),
            Entry("spec.defaultDuration", "Unless they say"),
            Entry("spec.extend.maxTotal", "With more time, in all at most"),
            Entry("spec.reason", "Reason", Kind.CHOICE, choices=("required", "optional")),
            Entry("spec.expiresAfter", "Lapses without an answer after", usual="24h"),
            Entry("spec.remindAfter", "Reminds who decides after"),
        ),
    ),
    Section(
        "Who says yes",
        (
            Entry("groups", "Groups", Kind.LINES, _ONE_A_LINE),
            Entry("users", "People", Kind.LINES, _ONE_A_LINE),
            Entry("integrationOwner", "The server's owner", Kind.FLAG),
            Entry("resourceOwner", "The owner of what is asked for", Kind.FLAG),
            Entry("count", "How many of them", Kind.NUMBER, usual="1"),
        ),
        "All of these; with none of them it is given at once.",
        each="spec.approvals",
        item="Approval",
    ),
    Section(
        "Given at once where",
        (Entry("name", "Name"), Entry("match", "If", Kind.AREA, "An expression in CEL.")),
        each="spec.automatic",
        item="Rule",
        is_extra=True,
    ),
    Section(
        "In an emergency",
        (
            *_people("spec.breakGlass.who", " that may break the glass"),
            Entry("spec.breakGlass.maxDuration", "For at most", help=_DURATION),
        ),
        is_extra=True,
    ),
)
ROLE_BUNDLE: Outline = (
    Section(
        "What it gives",
        (
            _DESCRIPTION,
            Entry(
                *("spec.integrations", "On the integrations", Kind.LINES, _ONE_A_LINE),
                known="Integration",
            ),
            Entry("spec.roles", "Membership in roles", Kind.LINES, _ONE_A_LINE),
        ),
        "Privileges on objects are in the YAML.",
    ),
)
_NEEDED = ("required",)
LOGIN_RULE: Outline = (
    Section(
        "Whose logins",
        (
            _DESCRIPTION,
            *_people("spec.appliesTo"),
            Entry("spec.appliesTo.everyone", "Everybody's", Kind.FLAG),
        ),
    ),
    Section(
        "What they must fulfil",
        (
            Entry("spec.methods", "Only by", Kind.LINES, "One a line, as password or oidc."),
            Entry("spec.secondFactor", "Second factor", Kind.CHOICE, choices=_NEEDED),
            Entry("spec.reason", "Reason", Kind.CHOICE, choices=_NEEDED),
            Entry("spec.sessionHours", "They last so many hours", Kind.NUMBER),
            Entry(
                "spec.devices",
                "New devices",
                Kind.CHOICE,
                "approval: somebody lets them in. token: they bring one.",
                choices=("open", "approval", "token"),
                usual="open",
            ),
        ),
    ),
    Section(
        "What devices say of themselves",
        (
            Entry("spec.posture.diskEncryption", "Encrypted disk", Kind.CHOICE, choices=_NEEDED),
            Entry("spec.posture.screenLock", "Screen lock", Kind.CHOICE, choices=_NEEDED),
            Entry("spec.posture.firewall", "Firewall", Kind.CHOICE, choices=_NEEDED),
            Entry("spec.posture.updatesWithinDays", "Updates within so many days", Kind.NUMBER),
            Entry("spec.posture.osVersions", "At least", Kind.PAIRS, "One a line, as macos=14.4."),
            Entry("spec.posture.allowUnknown", "What they do not know is fine", Kind.FLAG),
        ),
        is_extra=True,
    ),
    Section(
        "Passwords",
        (
            Entry("spec.password.minLength", "At least so many letters", Kind.NUMBER),
            Entry("spec.password.classes", "Of so many classes", Kind.NUMBER),
            Entry("spec.password.maxAgeDays", "Not older than so many days", Kind.NUMBER),
            Entry("spec.password.history", "None of so many before", Kind.NUMBER),
            Entry("spec.password.breachList", "None that was stolen elsewhere", Kind.FLAG),
        ),
        is_extra=True,
    ),
)
CERTIFICATE_PROFILE: Outline = (
    Section(
        "Whose certificates",
        (
            _DESCRIPTION,
            *_people("spec.appliesTo"),
            Entry("spec.appliesTo.services", "Of who may use", Kind.LINES, _ONE_A_LINE),
            Entry("spec.appliesTo.edges", "Edges", Kind.LINES, _ONE_A_LINE),
            Entry("spec.appliesTo.hosts", "Hosts", Kind.LINES, _ONE_A_LINE),
        ),
    ),
    Section(
        "What they are like",
        (
            Entry("spec.lifetime", "They live", help=_DURATION),
            Entry("spec.maxLifetime", "At most"),
            Entry("spec.backdate", "They begin earlier by"),
            Entry("spec.keyAlgorithms", "Keys", Kind.LINES, "One a line, as P-256."),
            Entry("spec.altNames", "More names", Kind.LINES, _ONE_A_LINE),
            Entry("spec.permittedNames", "Only names like", Kind.LINES, _ONE_A_LINE),
            Entry("spec.excludedNames", "No names like", Kind.LINES, _ONE_A_LINE),
        ),
    ),
)
ROLE_MAP: Outline = (
    Section(
        "Where",
        (_DESCRIPTION, Entry("spec.hosts", "On the hosts", Kind.LINES, _ONE_A_LINE)),
    ),
    Section(
        "Who is what",
        (
            Entry("groups", "Groups", Kind.LINES, _ONE_A_LINE),
            Entry("users", "People", Kind.LINES, _ONE_A_LINE),
            Entry("roles", "Are the roles", Kind.LINES, _ONE_A_LINE),
        ),
        each="spec.rules",
        item="Rule",
    ),
    Section(
        "Roles of people",
        (
            Entry("spec.roles.manage", "Hosts make and drop them", Kind.FLAG),
            Entry("spec.roles.memberOf", "Members of", Kind.LINES, _ONE_A_LINE),
            Entry("spec.roles.connectionLimit", "Connections of each", Kind.NUMBER),
            Entry("spec.stripDomain", "Without this domain of the person's name"),
        ),
        is_extra=True,
    ),
)
GROUP: Outline = (
    Section("Who is in it", (Entry("spec.members", "Members", Kind.LINES, _ONE_A_LINE),)),
)
USER: Outline = (
    Section(
        "Who it is",
        (
            Entry("spec.fullName", "Full name"),
            Entry("spec.email", "E-mail address"),
            Entry("spec.groups", "Groups", Kind.LINES, _ONE_A_LINE),
            Entry("spec.validFrom", "Not before", help="As 2026-11-22T09:30:00Z."),
            Entry("spec.validUntil", "Not after"),
        ),
    ),
)
OF: dict[str, Outline] = {
    "Service": SERVICE,
    "Policy": POLICY,
    "AccessFlow": ACCESS_FLOW,
    "RoleBundle": ROLE_BUNDLE,
    "LoginRule": LOGIN_RULE,
    "CertificateProfile": CERTIFICATE_PROFILE,
    "RoleMap": ROLE_MAP,
    "Group": GROUP,
    "User": USER,
}
