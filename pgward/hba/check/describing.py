"""A rule in words, with its examples as files."""

from typing import Any

from pgward.hba.check import samples
from pgward.hba.check.rule import Example, Rule
from pgward.hba.syntax import cockroach, cockroach_maps
from pgward.hba.syntax.dialects import Flags
from pgward.hba.syntax.versions import Dialect

_NEITHER_HERE_NOR_THERE = Example().hba
_USUAL = "pg_hba.conf", "pg_ident.conf"
_NAMES = {
    (Dialect.COCKROACHDB, False): (cockroach.SETTING, cockroach_maps.SETTING),
    (Dialect.YUGABYTEDB, True): ("--ysql_hba_conf_csv", "--ysql_ident_conf_csv"),
}


def files(example: Example) -> dict[str, str]:
    """Return the files of an example that matter, by their names, or what is said of them."""
    plain = example.hba.strip() == _NEITHER_HERE_NOR_THERE and not example.ident
    hba, ident = _NAMES.get((example.dialect, example.flags is not None), _USUAL)
    found = {
        hba: "" if plain and example.conf else example.hba,
        ident: example.ident,
        **dict.fromkeys(_set(example), "true"),
        "postgresql.conf": example.conf or "",
        **({} if example.material is None else samples.told(example.material)),
        "what the server says": "" if example.live is None else "\n".join(example.live.said),
    }
    return {name: text.strip("\n") for name, text in found.items() if text.strip("\n")}


def _set(example: Example) -> list[str]:
    """Return the other flags of yb-tserver, without which an example is another one."""
    flags = example.flags or Flags()
    named = {
        "--ysql_enable_auth": flags.enable_auth,
        "--use_client_to_server_encryption": flags.encryption,
    }
    return [name for name, is_set in named.items() if is_set]


def document(rule: Rule) -> dict[str, Any]:
    """Return all of it for programs."""
    return {
        "id": rule.id,
        "name": rule.name,
        "severity": rule.severity.value,
        "title": rule.title,
        "why": rule.why,
        "fix": rule.fix or None,
        "bad": _example(rule.bad),
        "good": _example(rule.good),
    }


def text(rule: Rule) -> str:
    """Return all of it for a person."""
    return "\n".join(
        [
            f"{rule.id} {rule.name} ({rule.severity.value})",
            f"{rule.title}",
            "",
            rule.why,
            *(["", f"fix: {rule.fix}"] if rule.fix else []),
            *_lines("bad", rule.bad),
            *_lines("good", rule.good),
        ]
    )


def _lines(kind: str, example: Example) -> list[str]:
    lines = ["", f"{kind}, for {example.able.name}:"]
    for name, content in files(example).items():
        lines.append(f"  {name}")
        lines += [f"    {line}" for line in content.split("\n")]
    return lines


def _example(example: Example) -> dict[str, Any]:
    spoken = {} if example.dialect is Dialect.POSTGRESQL else {"dialect": example.dialect.value}
    return {"pg_version": example.version, **spoken, "files": files(example)}
