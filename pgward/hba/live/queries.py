"""What is asked of a server: plain queries, each of which may be refused alone."""

from collections.abc import Iterable

from pgward.hba.server.quoting import literal_of_bytes as literal

MOST_BYTES = 64 * 1024 * 1024 + 1  # one more than is read of a file
_READ = "pg_read_binary_file(text, bigint, bigint, boolean)"
_LIST = "pg_ls_dir(text, boolean, boolean)"
_STAT = "pg_stat_file(text, boolean)"

# A role in pg_read_server_files also needs the functions: they are nobody's by default.
SELF = f"""
select current_setting('server_version_num')::int / 10000 as version, current_user as role,
  host(inet_server_addr()) as address, pg_conf_load_time()::text as loaded,
  pg_has_role('pg_read_server_files', 'usage') and has_function_privilege('{_READ}', 'execute')
    and has_function_privilege('{_LIST}', 'execute') as may_read,
  pg_has_role('pg_read_server_files', 'usage') and has_function_privilege('{_STAT}', 'execute')
    as may_stat
"""
HBA = "select * from pg_hba_file_rules"
IDENT = "select * from pg_ident_file_mappings"
FILE_SETTINGS = "select * from pg_file_settings order by seqno"
SETTINGS = """
select name, setting, context, source, sourcefile, sourceline, pending_restart from pg_settings
"""
ROLES = "select rolname, rolcanlogin, rolsuper, rolreplication from pg_roles order by rolname"
MEMBERS = """
select member.rolname as role, grp.rolname as grp from pg_auth_members as pair
join pg_roles as member on member.oid = pair.member join pg_roles as grp on grp.oid = pair.roleid
"""
DATABASES = "select datname from pg_database where datallowconn order by datname"

GRANTS = {
    "pg_hba_file_rules": "grant select on pg_hba_file_rules to {role}; "
    "grant execute on function pg_hba_file_rules() to {role}",
    "pg_ident_file_mappings": "grant select on pg_ident_file_mappings to {role}; "
    "grant execute on function pg_ident_file_mappings() to {role}",
    "pg_file_settings": "grant select on pg_file_settings to {role}; "
    "grant execute on function pg_show_all_file_settings() to {role}",
    "pg_settings": "grant pg_read_all_settings to {role}",
    "files": f"grant pg_read_server_files to {{role}}; grant execute on function {_READ}, {_LIST}, "
    f"{_STAT} to {{role}}",
}
"""What lets a role see each of them; ``{role}`` is its quoted name."""


def of_setting(name: str) -> str:
    """Return the query for the file that a setting names, and its bytes."""
    return _bytes(f"current_setting('{name}')")


def of_file(path: str) -> str:
    """Return the query for a file's bytes."""
    return _bytes(literal(path))


def names_in(directory: str) -> str:
    """Return the query for the names in a directory that are no directories."""
    where = literal(directory)
    return (
        f"select name from pg_ls_dir({where}, false, false) as name "  # noqa: S608 - literals
        f"where not coalesce((pg_stat_file({where} || '/' || name, true)).isdir, false)"
    )


def newer(paths: Iterable[str]) -> str:
    """Return the query for the files that are newer than what is loaded, and by how much."""
    listed = ", ".join(f"({literal(path)})" for path in paths)
    changed = "(pg_stat_file(path, true)).modification"
    return (
        f"select path, extract(epoch from {changed} - pg_conf_load_time())::float8 as seconds "  # noqa: S608 - literals
        f"from (values {listed}) as asked(path) where {changed} > pg_conf_load_time()"
    )


def _bytes(path: str) -> str:
    return (
        f"select {path} as path, "
        f"encode(pg_read_binary_file({path}, 0, {MOST_BYTES}, true), 'base64') as data"
    )
