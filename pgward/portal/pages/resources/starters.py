"""What a new resource begins with: the smallest one that is right but for what only people know."""

_SERVICE = """\
kind: Service
metadata:
  name: ""
  description: ""
spec:
  mode: tcp
  upstream:
    host: ""
    port: 5432
  allow:
    groups: []
"""
_AWARE = """\
kind: Service
metadata:
  name: ""
  description: ""
spec:
  mode: postgres
  upstream:
    host: ""
    port: 5432
  allow:
    groups: []
  postgres:
    user:
      fromPerson: true
    auth:
      certificate:
        minutes: 5
    sslMode: verify-full
"""
_POLICY = """\
kind: Policy
metadata:
  name: ""
  description: ""
spec:
  rules:
  - name: reads
    effect: ALLOW
    on: statement
    condition: ctx.request.postgres.statement.reads
  statements:
    default: DENY
"""
_FLOW = """\
kind: AccessFlow
metadata:
  name: ""
  description: ""
spec:
  services: []
  who:
    groups: []
  maxDuration: 8h
  reason: required
  approvals:
  - groups: []
"""
_BUNDLE = """\
kind: RoleBundle
metadata:
  name: ""
  description: ""
spec:
  integrations: []
  privileges:
  - database: ""
    schema: public
    tables: ["*"]
    grant: [SELECT]
"""
_INTEGRATION = """\
kind: Integration
metadata:
  name: ""
  description: ""
spec:
  connector: ""
  host: ""
  port: 5432
  user: pgward_connector
  auth:
    password: {fromSecret: ""}
  owner:
    groups: []
"""
_LOGIN_RULE = """\
kind: LoginRule
metadata:
  name: ""
  description: ""
spec:
  appliesTo:
    groups: []
  secondFactor: required
"""
_PROFILE = """\
kind: CertificateProfile
metadata:
  name: ""
  description: ""
spec:
  appliesTo:
    groups: []
  maxLifetime: 4h
"""
_ROLE_MAP = """\
kind: RoleMap
metadata:
  name: ""
  description: ""
spec:
  hosts: []
  rules:
  - groups: []
    roles: []
"""
_PROVIDER = """\
kind: IdentityProvider
metadata:
  name: ""
  description: ""
spec:
  type: oidc
  issuer: https://
  clientId: ""
"""
_AGE = """\
kind: Secret
metadata:
  name: ""
spec:
  maxAge: 90d
"""
_USER = """\
kind: User
metadata:
  name: ""
spec:
  fullName: ""
  email: ""
  groups: []
"""
_GROUP = """\
kind: Group
metadata:
  name: ""
spec:
  members: []
"""
OF: dict[str, dict[str, str]] = {
    "Service": {"postgres": _AWARE, "tcp": _SERVICE},
    "Policy": {"": _POLICY},
    "AccessFlow": {"": _FLOW},
    "RoleBundle": {"": _BUNDLE},
    "Integration": {"": _INTEGRATION},
    "LoginRule": {"": _LOGIN_RULE},
    "CertificateProfile": {"": _PROFILE},
    "RoleMap": {"": _ROLE_MAP},
    "IdentityProvider": {"": _PROVIDER},
    "Secret": {"": _AGE},
    "User": {"": _USER},
    "Group": {"": _GROUP},
}
"""By kind, and by what one may choose among."""


def of(kind: str, like: str = "") -> str:
    """Return the YAML that a new resource begins with."""
    found = OF[kind]
    return found.get(like) or next(iter(found.values()))
