"""Resources in tables: what one looks for first, by kind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pgward.client import idp_spec
from pgward.client.phrases import counted
from pgward.system import terminal

Row = Callable[[dict[str, Any]], dict[str, Any]]
_SERVICES = {
    "name": "NAME",
    "mode": "MODE",
    "upstream": "UPSTREAM",
    "groups": "GROUPS",
    "users": "USERS",
    "edges": "EDGES",
    "description": "DESCRIPTION",
}

_PROFILES = {
    "name": "NAME",
    "for": "FOR",
    "lifetime": "LIFETIME",
    "keys": "KEYS",
    "names": "NAMES",
    "description": "DESCRIPTION",
}

_RULES = {
    "name": "NAME",
    "for": "FOR",
    "requires": "REQUIRES",
    "description": "DESCRIPTION",
}

_POLICIES = {
    "name": "NAME",
    "rules": "RULES",
    "on": "ON",
    "otherwise": "OTHERWISE",
    "description": "DESCRIPTION",
}

_ROLE_MAPS = {
    "name": "NAME",
    "hosts": "HOSTS",
    "people": "PEOPLE",
    "roles": "ROLES",
    "managed": "MANAGED",
    "description": "DESCRIPTION",
}

_INTEGRATIONS = {
    "name": "NAME",
    "connector": "CONNECTOR",
    "server": "SERVER",
    "user": "USER",
    "owner": "OWNER",
    "description": "DESCRIPTION",
}

_BUNDLES = {
    "name": "NAME",
    "integrations": "INTEGRATIONS",
    "roles": "ROLES",
    "privileges": "PRIVILEGES",
    "description": "DESCRIPTION",
}

_FLOWS = {
    "name": "NAME",
    "services": "SERVICES",
    "who": "WHO",
    "for": "FOR",
    "longest": "LONGEST",
    "approvals": "APPROVALS",
    "description": "DESCRIPTION",
}

_USERS = {
    "name": "NAME",
    "full_name": "FULL NAME",
    "email": "E-MAIL",
    "groups": "GROUPS",
    "until": "VALID UNTIL",
}

_GROUPS = {"name": "NAME", "members": "MEMBERS"}

_OTHERS = {"name": "NAME", "version": "VERSION", "by": "BY", "description": "DESCRIPTION"}


def show(found: Sequence[dict[str, Any]], kind: str) -> None:
    """Write resources of a kind, as a person wrote that, as a table."""
    rows, columns = told(found, kind)
    terminal.table(rows, columns, empty=_none(kind))


def told(
    found: Sequence[dict[str, Any]], kind: str
) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
    """Return the rows of such a table, and its columns: names of a row's fields with titles."""
    row, columns = next(
        (view for word, view in _VIEWS.items() if kind.lower().startswith(word)), (_other, _OTHERS)
    )
    return [row(each) for each in found], columns


def _none(kind: str) -> str:
    if kind.lower().startswith("identityprovider"):
        return "there is no identity provider"
    return f"there are no {kind}"


def _service(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    allow = spec.get("allow") or {}
    return {
        "name": metadata["name"],
        "mode": spec.get("mode"),
        "upstream": _upstreams(spec),
        "groups": allow.get("groups"),
        "users": allow.get("users"),
        "edges": spec.get("edges") or "all",
        "description": metadata.get("description"),
    }


def _upstreams(spec: dict[str, Any]) -> list[str]:
    """Return every server that a service may lead to, each once."""
    postgres = spec.get("postgres") or {}
    found = [spec["upstream"]] if spec.get("upstream") else []
    for config in (postgres, *(postgres.get("configs") or {}).values()):
        found += config.get("upstreams") or []
    return list(dict.fromkeys(f"{each.get('host')}:{each.get('port')}" for each in found))


def _profile(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    applies = spec.get("appliesTo") or {}
    names = [*(spec.get("altNames") or ()), *(spec.get("permittedNames") or ())]
    return {
        "name": metadata["name"],
        "for": [f"{kind[:-1]}:{name}" for kind, found in applies.items() for name in found],
        "lifetime": spec.get("lifetime") or spec.get("maxLifetime"),
        "keys": spec.get("keyAlgorithms") or "all",
        "names": names,
        "description": metadata.get("description"),
    }


def _rule(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    return {
        "name": metadata["name"],
        "for": _whom(spec.get("appliesTo") or {}),
        "requires": [
            f"{field}={value}" if isinstance(value, str | int) else field
            for field, value in spec.items()
            if field != "appliesTo"
        ],
        "description": metadata.get("description"),
    }


def _role_map(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    rules = spec.get("rules") or ()
    return {
        "name": metadata["name"],
        "hosts": spec.get("hosts"),
        "people": list(dict.fromkeys(each for rule in rules for each in _whom(rule))),
        "roles": list(dict.fromkeys(role for rule in rules for role in rule.get("roles") or ())),
        "managed": "yes" if (spec.get("roles") or {}).get("manage") else "no",
        "description": metadata.get("description"),
    }


def _policy(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    rules, otherwise = spec.get("rules") or (), []
    for part, name in (
        ("connect", "default"),
        ("statements", "default"),
        ("statements", "unparsed"),
    ):
        effect = (spec.get(part) or {}).get(name)
        if effect is not None:
            otherwise.append(f"{effect} {part if name == 'default' else name}")
    return {
        "name": metadata["name"],
        "rules": [f"{rule.get('effect')} {rule.get('name')}" for rule in rules],
        "on": sorted({rule.get("on") for rule in rules}),
        "otherwise": otherwise,
        "description": metadata.get("description"),
    }


def _whom(applies: dict[str, Any]) -> list[str]:
    if applies.get("everyone"):
        return ["everyone"]
    return [f"{kind}:{name}" for kind in ("user", "group") for name in applies.get(f"{kind}s", ())]


def _integration(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    connector = spec.get("connector")
    return {
        "name": metadata["name"],
        "connector": connector or f"edge {spec.get('edge')}",
        "server": f"{spec.get('host')}:{spec.get('port')}",
        "user": spec.get("user"),
        "owner": _whom(spec.get("owner") or {}),
        "description": metadata.get("description"),
    }


def _bundle(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    return {
        "name": metadata["name"],
        "integrations": spec.get("integrations"),
        "roles": spec.get("roles"),
        "privileges": len(spec.get("privileges") or ()),
        "description": metadata.get("description"),
    }


def _flow(resource: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = resource["spec"], resource["metadata"]
    labels = [f"{key}={value}" for key, value in (spec.get("serviceLabels") or {}).items()]
    privileges = len(spec.get("privileges") or ())
    rights = [*(spec.get("bundles") or ()), *(spec.get("roles") or ())]
    return {
        "name": metadata["name"],
        "services": spec.get("services") or labels,
        "who": _whom(spec.get("who") or {}),
        "for": rights + ([counted(privileges, "privilege")] if privileges else []),
        "longest": spec.get("maxDuration"),
        "approvals": len(spec.get("approvals") or ()) or "automatic",
        "description": metadata.get("description"),
    }


def _user(resource: dict[str, Any]) -> dict[str, Any]:
    spec = resource["spec"]
    return {
        "name": resource["metadata"]["name"],
        "full_name": spec.get("fullName"),
        "email": spec.get("email"),
        "groups": spec.get("groups"),
        "until": spec.get("validUntil"),
    }


def _group(resource: dict[str, Any]) -> dict[str, Any]:
    return {"name": resource["metadata"]["name"], "members": resource["spec"].get("members")}


def _other(resource: dict[str, Any]) -> dict[str, Any]:
    metadata = resource["metadata"]
    return {
        "name": metadata["name"],
        "version": metadata.get("version"),
        "by": metadata.get("updatedBy"),
        "description": metadata.get("description"),
    }


# By the beginning of the kind's name, as people write it: in the singular, or in the plural.
_VIEWS: Mapping[str, tuple[Row, Mapping[str, str]]] = {
    "service": (_service, _SERVICES),
    "certificateprofile": (_profile, _PROFILES),
    "loginrule": (_rule, _RULES),
    "polic": (_policy, _POLICIES),
    "rolemap": (_role_map, _ROLE_MAPS),
    "identityprovider": (idp_spec.row, idp_spec.COLUMNS),
    "integration": (_integration, _INTEGRATIONS),
    "rolebundle": (_bundle, _BUNDLES),
    "accessflow": (_flow, _FLOWS),
    "user": (_user, _USERS),
    "group": (_group, _GROUPS),
}
