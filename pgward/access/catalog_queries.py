"""What a server is asked for its catalog: plain SELECTs of pg_catalog, one JSON object a row.

They need no rights but CONNECT, as everybody may read pg_catalog; with ``search_path`` set to it.
What PostgreSQL itself owns (schemas that begin with pg_, information_schema), and functions of
extensions, are left out. (PostgreSQL manual, chapter 53.)
"""
# ruff: noqa: S608 - queries are put together of what stands in this file, and of nothing else

from collections.abc import Mapping
from typing import Any, Final

from pgward.access.catalog import MOST_COMMENT, MOST_GRANTS, PUBLIC, Given, Membership, Thing, rough

_WITH_OPTIONS = 16  # the first version in which a membership has some of its own
_OURS = "n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'"


def _grants(acl: str, owner: str, column: str = "''") -> str:
    """Return a subquery: who but the owner was granted what, ``MOST_GRANTS`` at most."""
    return f"""
    coalesce((select json_agg(json_build_array(g.grantee, g.privileges, g.grantable, {column}))
      from (select case when a.grantee = 0 then '{PUBLIC}'
                        else coalesce(r.rolname, 'oid ' || a.grantee) end as grantee,
                   array_agg(distinct a.privilege_type) as privileges,
                   array_remove(array_agg(distinct case when a.is_grantable
                                                        then a.privilege_type end), null)
                     as grantable
              from aclexplode({acl}) a left join pg_roles r on r.oid = a.grantee
             where a.grantee <> {owner}
             group by a.grantee, r.rolname order by 1 limit {MOST_GRANTS}) g), '[]')"""


def _comment(oid: str, catalog: str) -> str:
    return f"left(obj_description({oid}, '{catalog}'), {MOST_COMMENT})"


# A database that one may not connect to does not tell its size either.
DATABASES: Final = f"""
select json_build_object(
  'kind', 'database', 'name', d.datname, 'owner', o.rolname,
  'detail', case when d.datistemplate then 'template'
                 when not d.datallowconn then 'no connections' end,
  'comment', left(shobj_description(d.oid, 'pg_database'), {MOST_COMMENT}),
  'size', case when has_database_privilege(d.oid, 'CONNECT')
                     or pg_has_role('pg_read_all_stats', 'USAGE')
                then pg_database_size(d.oid) end,
  'enter', d.datallowconn and has_database_privilege(d.oid, 'CONNECT'),
  'grants', {_grants("coalesce(d.datacl, acldefault('d', d.datdba))", "d.datdba")})
from pg_database d left join pg_roles o on o.oid = d.datdba
"""

_OPTIONS = {
    # What a membership gives, from 16 on; several grantors may have granted it.
    True: "bool_or(m.admin_option), bool_or(m.inherit_option), bool_or(m.set_option)",
    False: "bool_or(m.admin_option), r.rolinherit, true",
}


def roles(version: int) -> str:
    """Return the query for all roles of a server of this major version."""
    return f"""
select json_build_object(
  'kind', 'role', 'name', r.rolname,
  'comment', left(shobj_description(r.oid, 'pg_authid'), {MOST_COMMENT}),
  'attributes', json_build_object(
    'login', r.rolcanlogin, 'superuser', r.rolsuper, 'createrole', r.rolcreaterole,
    'createdb', r.rolcreatedb, 'replication', r.rolreplication, 'bypassrls', r.rolbypassrls,
    'noinherit', not r.rolinherit, 'limit', nullif(r.rolconnlimit, -1),
    'valid_until', to_char(r.rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
  'member_of', coalesce((select json_agg(g.one) from (
      select json_build_array(o.rolname, {_OPTIONS[version >= _WITH_OPTIONS]}) as one
        from pg_auth_members m join pg_roles o on o.oid = m.roleid
       where m.member = r.oid group by o.rolname order by o.rolname limit {MOST_GRANTS}) g), '[]'))
from pg_roles r
"""


SCHEMAS: Final = f"""
select json_build_object(
  'kind', 'schema', 'name', n.nspname, 'owner', o.rolname,
  'comment', {_comment("n.oid", "pg_namespace")},
  'grants', {_grants("n.nspacl", "n.nspowner")})
from pg_namespace n left join pg_roles o on o.oid = n.nspowner
where {_OURS}
"""

RELATIONS: Final = f"""
select json_build_object(
  'kind', case c.relkind when 'S' then 'sequence' else 'table' end,
  'schema', n.nspname, 'name', c.relname, 'owner', o.rolname, 'oid', c.oid::text,
  'detail', case c.relkind when 'v' then 'view' when 'm' then 'materialized view'
                           when 'f' then 'foreign table' when 'p' then 'partitioned table'
                           when 'r' then case when c.relispartition then 'partition' end end,
  'comment', {_comment("c.oid", "pg_class")},
  'rows', case when c.relkind in ('r', 'm', 'p', 'f')
                    and (c.reltuples > 0 or c.relpages > 0) then c.reltuples end,
  'size', case when c.relkind in ('r', 'm')
                then c.relpages::bigint * current_setting('block_size')::int end,
  'grants', {_grants("c.relacl", "c.relowner")})
from pg_class c join pg_namespace n on n.oid = c.relnamespace
     left join pg_roles o on o.oid = c.relowner
where c.relkind in ('r', 'v', 'm', 'f', 'p', 'S') and {_OURS}
"""

# Few columns have rights of their own: asked for apart, no table has to be looked at for them.
COLUMNS: Final = f"""
select json_build_object('oid', a.attrelid::text,
  'grants', {_grants("a.attacl", "c.relowner", "a.attname")})
from pg_attribute a join pg_class c on c.oid = a.attrelid
     join pg_namespace n on n.oid = c.relnamespace
where a.attacl is not null and not a.attisdropped and {_OURS}
"""

FUNCTIONS: Final = f"""
select json_build_object(
  'kind', 'function', 'schema', n.nspname, 'name', p.proname, 'owner', o.rolname,
  'signature', coalesce(pg_get_function_identity_arguments(p.oid), ''),
  'detail', case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate'
                           when 'w' then 'window function' end,
  'comment', {_comment("p.oid", "pg_proc")},
  'grants', {_grants("coalesce(p.proacl, acldefault('f', p.proowner))", "p.proowner")})
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     left join pg_roles o on o.oid = p.proowner
where {_OURS} and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass
                                 and d.objid = p.oid and d.deptype = 'e')
"""

DEFAULTS: Final = f"""
select json_build_object(
  'kind', 'default', 'schema', n.nspname, 'name', coalesce(o.rolname, 'oid ' || d.defaclrole),
  'detail', case d.defaclobjtype when 'r' then 'table' when 'S' then 'sequence'
                                 when 'f' then 'function' when 'T' then 'type'
                                 when 'n' then 'schema' else 'large object' end,
  'grants', {_grants("d.defaclacl", "d.defaclrole")})
from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
     left join pg_roles o on o.oid = d.defaclrole
"""


def thing(fields: Mapping[str, Any], columns: Mapping[str, list[Any]] | None = None) -> Thing:
    """Make a thing of what a query returned, and of the rights on its columns, by OID."""
    more = [] if columns is None else columns.get(str(fields.get("oid")), [])
    grants = [_given(each) for each in [*fields.get("grants", []), *more]]
    attributes = fields.get("attributes", {})
    return Thing(
        kind=fields["kind"],
        schema=fields.get("schema") or "",
        name=fields["name"],
        signature=fields.get("signature") or "",
        detail=fields.get("detail") or "",
        owner=fields.get("owner") or "",
        comment=fields.get("comment") or "",
        rows=rough(fields.get("rows")),
        size=rough(fields.get("size")),
        grants=tuple(sorted(grants)[:MOST_GRANTS]),
        attributes={key: value for key, value in attributes.items() if value not in (None, False)},
        member_of=tuple(Membership(*each) for each in fields.get("member_of", [])),
    )


def _given(values: list[Any]) -> Given:
    grantee, privileges, grantable, column = values
    return Given(grantee, tuple(sorted(privileges)), tuple(sorted(grantable)), column)
