"""The block ``postgres`` of a service, as the edges get it in their snapshot.

Each configuration is whole: an edge need not know what it inherits. Secrets are named, never told.
"""

from collections.abc import Mapping
from typing import Any

from pgward.ca.resources.durations import duration
from pgward.ca.resources.kinds import Limits, ServiceSpec
from pgward.ca.resources.policy import PolicySpec
from pgward.ca.resources.service_auth import Auth, Jump, SecretReference
from pgward.ca.resources.service_postgres import (
    APPLICATION_NAME,
    Parameters,
    PostgresSettings,
    PostgresSpec,
    size,
)

INLINE = "inline"
"""How the policy is called that stands in the service itself."""
_RESULT_LIMIT = "10MiB"


def as_snapshot(
    spec: ServiceSpec, postgres: PostgresSpec, policies: Mapping[str, PolicySpec]
) -> dict[str, Any]:
    """Return the block for a snapshot; ``policies`` are all that there are, by name.

    A policy that is not there is named, so that the edge lets nobody in rather than everybody.
    """
    known = [name for name in postgres.policies if name in policies]
    rules = [policies[name].to_snapshot(name) for name in known]
    if postgres.policy is not None:
        rules.append(postgres.policy.to_snapshot(INLINE))
    configs = postgres.whole(spec.upstream)
    own = configs.get(None)
    return {
        "default": None if own is None else _config(own),
        "configs": {name: _config(each) for name, each in configs.items() if name is not None},
        "rules": [{"match": rule.match, "config": rule.config} for rule in postgres.rules],
        "limits": _limits(spec.limits),
        "login": [name for name, on in postgres.login.model_dump().items() if on],
        "reason_required": postgres.reason_required,
        "audit": postgres.audit,
        "labels": spec.labels or {},
        "policies": rules,
        "missing_policies": sorted(set(postgres.policies) - policies.keys()),
    }


def _config(config: PostgresSettings) -> dict[str, Any]:
    user, database = config.user, config.database
    return {
        "upstreams": [{"host": each.host, "port": each.port} for each in config.upstreams or ()],
        "target_session_attrs": config.target_session_attrs or "any",
        "load_balance": config.load_balance or False,
        "user": {} if user is None else user.model_dump(exclude_none=True),
        "database": {} if database is None else database.model_dump(exclude_none=True),
        "auth": _auth(config.auth),
        "ssl_mode": config.ssl_mode or "verify-full",
        "ssl_root_cert": config.ssl_root_cert,
        "server_name": config.server_name,
        "require_auth": config.require_auth,
        "channel_binding": config.channel_binding or "prefer",
        "jump": _jump(config.jump),
        "parameters": (config.parameters or Parameters()).model_dump(),
        "application_name": config.application_name or APPLICATION_NAME,
        "recording": config.recording or "none",
        "result_limit": size(config.result_limit or _RESULT_LIMIT),
        "protect_role": config.protect_role is not False,
    }


def _auth(auth: Auth | None) -> dict[str, Any]:
    if auth is None or auth.none:
        return {"none": True}
    if auth.certificate is not None:
        return {"certificate": {"minutes": auth.certificate.minutes}}
    return {"password": _secret(auth.password)}


def _jump(jump: Jump | None) -> dict[str, Any] | None:
    if jump is None:
        return None
    ssh = jump.ssh
    known = {"host": ssh.host, "port": ssh.port, "user": ssh.user, "host_key": ssh.host_key}
    return {"ssh": known | {"key": _secret(ssh.key)}}


def _secret(reference: SecretReference | None) -> dict[str, Any]:
    """Return where a secret comes from; the model has seen that it is one place."""
    return {} if reference is None else reference.model_dump(exclude_none=True)


def _limits(limits: Limits) -> dict[str, int | None]:
    def seconds(text: str | None) -> int | None:
        return None if text is None else int(duration(text).total_seconds())

    return {
        "statement_timeout": seconds(limits.statement_timeout),
        "idle_timeout": seconds(limits.idle_timeout),
        "idle_in_transaction_timeout": seconds(limits.idle_in_transaction_timeout),
        "session_timeout": seconds(limits.session_timeout),
        "warn_before": seconds(limits.warn_before or "5m"),
    }
