"""The table of commands: their names, where they are, and a short help; it imports none."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One command of the table: where it is (``module:attribute``) and its short help.

    An entry with ``children`` is a group of its own and has no ``target``.
    """

    help: str
    target: str = ""
    section: str = ""
    children: Mapping[str, "Entry"] = field(default_factory=dict)
    alias: bool = False
    service: bool = False  # its first word is a service, which is completed without importing it


_YOU = "Log in"
_CONNECT = "Connect to databases"
_ACCESS = "Ask for access, and decide about it"
_ADMIN = "Administer people and services"
_SERVER = "Run the servers"
_TRY = "Try it"
_HELP = "Get help"

_LOG = {
    "head": Entry("show the newest signed head", "pgward.client.log_commands:show_head"),
    "prove": Entry("prove that a certificate is in the log", "pgward.client.log_commands:prove"),
    "verify": Entry("check the CA's records against the log", "pgward.ca.log.commands:verify"),
    "monitor": Entry(
        "follow the log, and tell of new certificates", "pgward.client.log_commands:monitor"
    ),
    "export": Entry("write all entries to a file", "pgward.ca.log.commands:export"),
    "accept": Entry("go on with a store that lost entries", "pgward.ca.log.commands:accept"),
}
_NOTICES = {
    "list": Entry(
        "list those that wait, or were given up", "pgward.ca.notices.commands:list_notices"
    ),
    "retry": Entry("send again what was given up", "pgward.ca.notices.commands:retry"),
    "test": Entry("send a message to try the channels", "pgward.ca.notices.commands:test"),
}
_ROTATE = {
    "start": Entry("make the next CA, trusted from now on", "pgward.ca.rotation.commands:start"),
    "status": Entry(
        "show the CAs, and who hinders a rotation", "pgward.client.rotate_commands:status"
    ),
    "advance": Entry("go on to the next phase", "pgward.client.rotate_commands:advance"),
    "rollback": Entry("go back one phase", "pgward.client.rotate_commands:rollback"),
}
_CRL = {
    "status": Entry(
        "show how long each CA's list lasts", "pgward.client.revocation_commands:crl_status"
    ),
}
_ACME = {
    "key": Entry("keys with which hosts make accounts", "pgward.ca.acme.commands:key"),
    "account": Entry("accounts of ACME clients", "pgward.ca.acme.commands:account"),
}
_CA = {
    "init": Entry(
        "create a certificate authority in a directory", "pgward.ca.ceremony.init_commands:init"
    ),
    "serve": Entry("serve the authority's HTTPS API", "pgward.portal.commands:serve"),
    "backup": Entry("write an encrypted backup", "pgward.ca.backup.commands:backup"),
    "restore": Entry("make the authority from a backup", "pgward.ca.backup.commands:restore"),
    "migrate-store": Entry(
        "move the store to PostgreSQL, or back", "pgward.ca.backup.commands:migrate_store"
    ),
    "import": Entry(
        "take what a company's root signed: certificates and revocation lists",
        "pgward.ca.ceremony.import_commands:import_signed",
    ),
    "ceremony": Entry(
        "check how a certificate authority was made",
        children={
            "verify": Entry(
                "check a transcript against what is there", "pgward.ca.ceremony.commands:verify"
            )
        },
    ),
    "token": Entry(
        "make a one-time join token for an edge, a PostgreSQL host or a connector",
        "pgward.client.admin_commands:token",
    ),
    "list": Entry(
        "list the certificates issued", "pgward.client.ledger_commands:list_certificates"
    ),
    "show": Entry("show one certificate", "pgward.client.ledger_commands:show_certificate"),
    "revoke": Entry("revoke certificates", "pgward.client.revocation_commands:revoke"),
    "crl": Entry("look at the revocation lists", children=_CRL),
    "log": Entry("check the transparency log", children=_LOG),
    "rotate": Entry("replace an issuing CA or a root", children=_ROTATE),
    "notices": Entry("look at messages about access requests", children=_NOTICES),
    "acme": Entry("let certbot and other ACME clients get certificates", children=_ACME),
}
_EDGE = {
    "enroll": Entry(
        "enroll this machine with a join token", "pgward.tunnel.edge.commands:edge_enroll"
    ),
    "serve": Entry("serve mTLS connections", "pgward.tunnel.edge.commands:edge_serve"),
    "status": Entry(
        "show what this edge knows and serves", "pgward.tunnel.edge.commands:edge_status"
    ),
    "refused": Entry(
        "show what the CA refused of its records, and offer it again",
        "pgward.tunnel.edge.auditor.commands:edge_refused",
    ),
}
_CONNECTOR = {
    "enroll": Entry("enroll this machine with a join token", "pgward.connector.commands:enroll"),
    "serve": Entry("make and end what grants say", "pgward.connector.commands:serve"),
    "status": Entry("tell how a connector fares", "pgward.connector.commands:status"),
    "plan": Entry("show the SQL that it would run", "pgward.connector.commands:plan"),
    "check": Entry("try servers out, and say what is missing", "pgward.connector.commands:check"),
    "set-up": Entry(
        "print the SQL that makes its account", "pgward.connector.set_up_commands:set_up"
    ),
}
_HBA = {
    "generate": Entry("print configuration fragments", "pgward.hba.commands:generate"),
    "apply": Entry("set a data directory up, and check it took", "pgward.hba.commands:apply"),
    "refresh": Entry("renew certificate and revocation lists", "pgward.hba.commands:refresh"),
    "agent": Entry("keep a server, and end revoked sessions", "pgward.hba.agent_commands:agent"),
    "roles": Entry("keep the map and the roles as the CA says", "pgward.hba.roles_commands:roles"),
    "managed": Entry("say what a managed service can take", "pgward.hba.managed_commands:managed"),
    "rollback": Entry("put back what was before a change", "pgward.hba.rollback_commands:rollback"),
    "remove": Entry("take pgward's blocks out again", "pgward.hba.rollback_commands:remove"),
    "logs": Entry("show who connected, out of PostgreSQL's log", "pgward.hba.logs_commands:logs"),
    "check": Entry("find what is wrong or risky", "pgward.hba.check_commands:check_files"),
    "explain": Entry(
        "say which line decides about a connection", "pgward.hba.explain_commands:explain"
    ),
    "prove": Entry("log in along every path, and compare", "pgward.hba.prove_commands:prove"),
    "ways": Entry("show every way in, and how strong it is", "pgward.hba.ways_commands:ways"),
}
_CONFIG = {
    "show": Entry("show how a program connects", "pgward.programs.commands:show"),
    "install": Entry("keep pg_service.conf up to date", "pgward.programs.commands:install"),
    "uninstall": Entry("take the sections out again", "pgward.programs.commands:uninstall"),
}

_AGENT = {
    "start": Entry("start it in the background", "pgward.tunnel.agent.commands:start"),
    "stop": Entry("stop it", "pgward.tunnel.agent.commands:stop"),
    "status": Entry("show whether it runs, and for whom", "pgward.tunnel.agent.commands:status"),
    "run": Entry("run it in the foreground", "pgward.tunnel.agent.commands:run"),
    "install": Entry(
        "have it begin when you log in to this machine",
        "pgward.tunnel.agent.install_commands:install",
    ),
    "uninstall": Entry(
        "have it begin by itself no more", "pgward.tunnel.agent.install_commands:uninstall"
    ),
}

_MFA = {
    "list": Entry("show your second factors", "pgward.client.mfa_commands:list_factors"),
    "add": Entry(
        "set a second factor up",
        children={
            "totp": Entry("set an authenticator app up", "pgward.client.mfa_commands:add_totp"),
            "passkey": Entry("add a passkey, in the browser", "pgward.client.passkey_commands:add"),
        },
    ),
    "remove": Entry("remove a second factor", "pgward.client.mfa_commands:remove"),
    "recovery-codes": Entry("make new recovery codes", "pgward.client.mfa_commands:recovery_codes"),
}

COMMANDS: Mapping[str, Entry] = {
    "login": Entry("log in and get a certificate", "pgward.client.login.commands:login", _YOU),
    "logout": Entry("end the login session", "pgward.client.login.commands:logout", _YOU),
    "whoami": Entry("show who you are and until when", "pgward.client.commands:whoami", _YOU),
    "certificates": Entry(
        "list every certificate in your name", "pgward.client.log_commands:certificates", _YOU
    ),
    "devices": Entry(
        "list, approve and revoke your devices", "pgward.client.device_commands:devices", _YOU
    ),
    "logins": Entry(
        "list and end your login sessions", "pgward.client.session_commands:logins", _YOU
    ),
    "passkey": Entry("add and remove passkeys", "pgward.client.passkey_commands:passkey", _YOU),
    "passwd": Entry("change your password", "pgward.client.commands:passwd", _YOU),
    "mfa": Entry(
        "your second factors: apps, passkeys, recovery codes", section=_YOU, children=_MFA
    ),
    "services": Entry(
        "list the services you may use (or: pgward ls)", "pgward.client.commands:services", _CONNECT
    ),
    "ls": Entry("same as services", "pgward.client.commands:services", _CONNECT, alias=True),
    "connect": Entry(
        "open a tunnel to a service", "pgward.tunnel.commands:connect", _CONNECT, service=True
    ),
    "psql": Entry("run psql on a service", "pgward.tunnel.commands:psql", _CONNECT, service=True),
    "step-up": Entry(
        "give a fresh second factor for a service",
        "pgward.client.step_up_commands:step_up",
        _CONNECT,
        service=True,
    ),
    "otp": Entry(
        "make a one-time password for a client without a certificate",
        "pgward.client.otp_commands:otp",
        _CONNECT,
        service=True,
    ),
    "token": Entry(
        "make a token: a user name and a password for some hours",
        "pgward.client.otp_commands:token",
        _CONNECT,
        service=True,
    ),
    "tokens": Entry("list and revoke tokens", "pgward.client.otp_commands:tokens", _CONNECT),
    "status": Entry("show open tunnels", "pgward.tunnel.commands:status", _CONNECT),
    "disconnect": Entry(
        "close a tunnel", "pgward.tunnel.commands:disconnect", _CONNECT, service=True
    ),
    "top": Entry("watch tunnels and connections", "pgward.tunnel.agent.top.commands:top", _CONNECT),
    "agent": Entry("hold tunnels and renew in the background", section=_CONNECT, children=_AGENT),
    "config": Entry("configure psql, drivers and GUI clients", section=_CONNECT, children=_CONFIG),
    "request": Entry(
        "ask for access to a service for a time", "pgward.client.access.asking:request", _ACCESS
    ),
    "requests": Entry(
        "list requests for access, yours and those to decide about",
        "pgward.client.access.listing:requests",
        _ACCESS,
    ),
    "approve": Entry(
        "approve requests for access", "pgward.client.access.deciding:approve", _ACCESS
    ),
    "deny": Entry("deny requests for access", "pgward.client.access.deciding:deny", _ACCESS),
    "cancel": Entry(
        "take back what you asked for", "pgward.client.access.deciding:cancel", _ACCESS
    ),
    "extend": Entry("ask for more time", "pgward.client.access.asking:extend", _ACCESS),
    "revoke": Entry("end access before its time", "pgward.client.access.deciding:revoke", _ACCESS),
    "access": Entry(
        "list the access that people have for a time",
        "pgward.client.access.granted:access",
        _ACCESS,
    ),
    "user": Entry("add, block and list people", "pgward.client.user_commands:user", _ADMIN),
    "group": Entry("put people into groups", "pgward.client.user_commands:group", _ADMIN),
    "idp": Entry(
        "have people log in at an identity provider", "pgward.client.idp_commands:idp", _ADMIN
    ),
    "apply": Entry(
        "create or change services, profiles and rules from YAML",
        "pgward.client.resource_commands:apply",
        _ADMIN,
    ),
    "get": Entry(
        "show services, profiles or rules as they are",
        "pgward.client.resource_commands:get",
        _ADMIN,
    ),
    "delete": Entry(
        "remove services, profiles or rules", "pgward.client.resource_commands:delete", _ADMIN
    ),
    "edit": Entry("change a resource in an editor", "pgward.client.resource.editing:edit", _ADMIN),
    "describe": Entry(
        "show a resource, and what hangs on it", "pgward.client.resource.past:describe", _ADMIN
    ),
    "history": Entry(
        "show who changed a resource, when and why", "pgward.client.resource.past:history", _ADMIN
    ),
    "rollback": Entry(
        "make a resource what it was", "pgward.client.resource.past:rollback", _ADMIN
    ),
    "export": Entry(
        "write all resources as YAML", "pgward.client.resource.exporting:export", _ADMIN
    ),
    "schema": Entry(
        "print the JSON Schema of a kind", "pgward.client.resource.exporting:schema", _ADMIN
    ),
    "catalog": Entry(
        "show what databases hold, and who was granted what",
        "pgward.client.catalog_commands:catalog",
        _ADMIN,
    ),
    "secret": Entry(
        "keep what edges log in to PostgreSQL with",
        "pgward.client.secret_commands:secret",
        _ADMIN,
    ),
    "policy": Entry(
        "try policies out: cases, and why a rule decides",
        "pgward.client.policy_commands:policy",
        _ADMIN,
    ),
    "edges": Entry("list and remove edges", "pgward.client.admin_commands:edges", _ADMIN),
    "hosts": Entry("list and remove PostgreSQL hosts", "pgward.client.host_commands:hosts", _ADMIN),
    "connectors": Entry(
        "list and remove connectors", "pgward.client.connector_commands:connectors", _ADMIN
    ),
    "audit": Entry(
        "show who did what, and what was said to databases",
        "pgward.client.audit_commands:audit",
        _ADMIN,
    ),
    "sessions": Entry(
        "show, play and end database sessions", "pgward.client.sessions_commands:sessions", _ADMIN
    ),
    "ca": Entry("run the certificate authority", section=_SERVER, children=_CA),
    "edge": Entry("run the server-side end of tunnels", section=_SERVER, children=_EDGE),
    "connector": Entry(
        "make access roles on PostgreSQL servers", section=_SERVER, children=_CONNECTOR
    ),
    "hba": Entry("configure PostgreSQL to check certificates", section=_SERVER, children=_HBA),
    "doctor": Entry(
        "see which link to a service breaks, and what to do",
        "pgward.doctor.commands:doctor",
        _HELP,
        service=True,
    ),
    "completion": Entry(
        "complete words in bash, zsh or fish", "pgward.shell.commands:completion", _HELP
    ),
    "man": Entry("write the manual pages", "pgward.shell.commands:man", _HELP),
    "demo": Entry(
        "all of it on this machine, in a temporary directory", "pgward.demo.commands:demo", _TRY
    ),
}
