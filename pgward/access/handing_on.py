"""What a role of ours owns at its end: how it is found, and when it can be handed on.

Whoever gets it has other rights than the role had. So nothing is handed on that would run the code
of somebody who is gone with the rights of who gets it.
"""
# ruff: noqa: S608 - queries put together from constants of this file, in pieces

from collections.abc import Sequence
from typing import Final

from pgward.access.facts import Owned, Server

MOST_OWNED: Final = 20_000
"""Things of one role in one database; who has more hides something among them."""

# What runs with its owner's rights must not get those of another owner. A function, a view or a
# rule does (manual, chapters 41.5 and 20 of CREATE FUNCTION: SECURITY DEFINER). A right on a column
# alone is one of the view.
_SHARED: Final = """select x.grantee from aclexplode(c.relacl) x union
              select x.grantee from pg_attribute a cross join aclexplode(a.attacl) x
               where a.attrelid = c.oid"""

# Functions that are no superuser's, and what calls one: an operator, a domain's condition.
_CALLED: Final = """exists (select from pg_depend e
      left join pg_proc f on e.refclassid = 'pg_proc'::regclass and f.oid = e.refobjid
      left join pg_operator p on e.refclassid = 'pg_operator'::regclass and p.oid = e.refobjid
      left join pg_proc g on g.oid = p.oprcode
      left join pg_type y on e.refclassid = 'pg_type'::regclass and y.oid = e.refobjid
      join pg_roles u on u.oid in (f.proowner, p.oprowner, g.proowner, y.typowner)
     where e.classid = '{catalog}'::regclass and e.objid = {oid} and not u.rolsuper)"""

# ANALYZE, which the server does by itself, computes these as the table's owner; and what a foreign
# key does to a table, it does as that table's owner, with all that a change there sets off.
_RUNS: Final = f"""case
  when d.classid = 'pg_type'::regclass and exists (
    select from pg_range k join pg_proc f on f.oid = k.rngsubdiff join pg_roles u
        on u.oid = f.proowner and not u.rolsuper where k.rngtypid = d.objid)
  then 'ANALYZE runs a function of its own'
  when d.classid <> 'pg_class'::regclass then null
  when exists (select from pg_index i where i.indrelid = d.objid and {
    _CALLED.format(catalog="pg_class", oid="i.indexrelid")
})
  then 'ANALYZE runs a function in an index of it'
  when exists (select from pg_statistic_ext s where s.stxrelid = d.objid and {
    _CALLED.format(catalog="pg_statistic_ext", oid="s.oid")
})
  then 'ANALYZE runs a function in statistics of it'
  when exists (select from pg_constraint k where k.conrelid = d.objid and k.contype = 'f'
      and (k.confdeltype not in ('a', 'r') or k.confupdtype not in ('a', 'r')))
    and (exists (select from pg_trigger t where t.tgrelid = d.objid and not t.tgisinternal)
      or exists (select from pg_constraint k where k.conrelid = d.objid and k.contype = 'c' and {
    _CALLED.format(catalog="pg_constraint", oid="k.oid")
})
      or exists (select from pg_attrdef k where k.adrelid = d.objid and {
    _CALLED.format(catalog="pg_attrdef", oid="k.oid")
}))
  then 'a foreign key runs a trigger or a function of it'
  end"""

OWNED: Final = f"""
select json_build_object('is', 'owned', 'role', r.rolname,
  'kind', case when d.deptype = 'r' then 'policy' when d.classid = 'pg_default_acl'::regclass
     then 'default' when d.classid = 'pg_user_mapping'::regclass then 'mapping' else 'object' end,
  'identity', pg_describe_object(d.classid, d.objid, d.objsubid),
  'runs', case when d.deptype = 'o' then {_RUNS} end,
  'mend', array_remove(array[
    (select format('alter routine %%I.%%I(%%s) security invoker', n.nspname, f.proname,
                   oidvectortypes(f.proargtypes))
       from pg_proc f join pg_namespace n on n.oid = f.pronamespace
      where d.classid = 'pg_proc'::regclass and f.oid = d.objid and f.prosecdef)] ||
    array(select format('revoke all on table %%I.%%I from %%s cascade', n.nspname, c.relname,
                        case when x.grantee = 0 then 'public' else quote_ident(u.rolname) end)
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
            cross join lateral ({_SHARED}) x left join pg_roles u on u.oid = x.grantee
      where d.classid = 'pg_class'::regclass and c.oid = d.objid
        and (c.relkind in ('v', 'm') or c.relhasrules) and x.grantee <> c.relowner
      group by n.nspname, c.relname, x.grantee, u.rolname), null))
from (select s.*, row_number() over (partition by s.refobjid) as number from pg_shdepend s
       where s.refclassid = 'pg_authid'::regclass and s.refobjid in (select oid from ours)
         and s.deptype in ('o', 'r') and s.dbid in (0, (select oid from pg_database
                                                         where datname = current_database()))
     ) d join ours r on r.oid = d.refobjid
where d.number <= {MOST_OWNED + 1}"""
"""What roles of ours own, or what names them; within the query that has ``ours``."""


def why_it_stays(owned: Sequence[Owned], server: Server, heir: str | None) -> str | None:
    """Return why what a role owns cannot be handed on, in words that go on from "the role"."""
    objects = [each for each in owned if each.kind == "object"]
    if not objects:
        return None
    why, first = _no_heir(server, heir), objects[0]
    running = next((each for each in objects if each.runs is not None), None)
    if why is None and running is not None:
        first, why = running, f"{running.runs}, which would run as {heir!r}; hint: {_HAND_ON}"
    if why is None and len(owned) > MOST_OWNED:
        why = f"that is more than is looked through; hint: {_HAND_ON}"
    if why is None:
        return None
    more = f" and {len(objects) - 1} more" if len(objects) > 1 else ""
    return f"it owns {first.identity}{more}, and {why}"


_HAND_ON: Final = "look at it, then drop it or ALTER ... OWNER by hand"


def _no_heir(server: Server, reassign_to: str | None) -> str | None:
    """Return why nobody gets what a role owns, if so."""
    if reassign_to is None:
        return "the integration has no reassignTo"
    heir = server.roles.get(reassign_to)
    if heir is None:
        return f"there is no role {reassign_to!r} to get it"
    if heir.mark is not None:
        return f"{reassign_to!r}, which is to get it, is a role of pgward's"
    if not heir.settable:
        return (
            f"the connector is no member of {reassign_to!r}, which is to get it; "
            "hint: pgward connector set-up --reassign-to"
        )
    return None
