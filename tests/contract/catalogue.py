"""What PostgreSQL's own catalogue says against a service's schema: every line is a way for tenants to meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

BOOKKEEPING = frozenset({"alembic_version"})  # Alembic's own: one row, which names the schema's version


@dataclass(frozen=True)
class Rules:
    """What a service declares of its tables.

    Args:
        app: the role it runs as.
        sweep: the role of its rounds over all tenants.
        catalogue: tables that belong to no tenant.
        append_only: tables whose rows the app role neither changes nor deletes.
    """

    app: str
    sweep: str
    catalogue: frozenset[str]
    append_only: frozenset[str]


def problems(connection: Connection[Any], rules: Rules) -> Iterator[str]:
    """Yield one line for each thing that is wrong, the table first."""
    yield from _roles(connection, rules)
    yield from _functions(connection)
    for (view,) in connection.execute(_LAX_VIEWS):
        yield f"{view}: is a view without security_invoker, so it reads as its owner"
    for table, has_account in connection.execute(_TABLES).fetchall():
        if table in BOOKKEEPING:
            continue
        yield from _grants(connection, table, rules)
        if has_account:
            yield from _tenant_table(connection, table, rules)
        elif table not in rules.catalogue:
            yield f"{table}: has no account_id and is not in models.CATALOGUE"


def _tenant_table(connection: Connection[Any], table: str, rules: Rules) -> Iterator[str]:
    if table in rules.catalogue:
        yield f"{table}: has an account_id, so it does not belong in models.CATALOGUE"
    enabled, forced, owner = connection.execute(_SECURITY, (table,)).fetchone() or (False, False, "")
    if not (enabled and forced):
        yield f"{table}: row level security is not forced"
    if owner in {rules.app, rules.sweep}:
        yield f"{table}: belongs to {owner}, who could switch row level security off"
    yield from _policies(connection, table, rules)
    for index, first in connection.execute(_UNIQUES, (table,)):
        if first != "account_id":
            yield f"{table}: the unique {index} starts with {first}, so it tells one tenant about another"
    for key, columns, target in connection.execute(_FOREIGN_KEYS, (table,)):
        if "account_id" not in columns:
            yield f"{table}: the foreign key {key} to {target} leaves account_id out, and ignores row level security"


def _policies(connection: Connection[Any], table: str, rules: Rules) -> Iterator[str]:
    policies = connection.execute(_POLICIES, (table, rules.app)).fetchall()
    if not policies:
        yield f"{table}: has no policy for {rules.app}"
    needs_site = connection.execute(_NAMES_A_SITE, (table,)).fetchone() is not None
    for name, using, check in policies:
        for clause in (using, check):
            if clause is not None and "app.account" not in clause:
                yield f"{table}: the policy {name} does not compare with app.account"
            if clause is not None and needs_site and "app.site" not in clause:
                yield f"{table}: the policy {name} does not compare with app.site, though its rows have a site"


def _grants(connection: Connection[Any], table: str, rules: Rules) -> Iterator[str]:
    for grantee, privilege in connection.execute(_GRANTS, (table,)):
        if grantee == "PUBLIC":
            yield f"{table}: everybody may {privilege}"
        elif grantee in {rules.app, rules.sweep} and privilege not in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
            yield f"{table}: {grantee} may {privilege}"
        elif grantee == rules.app and table in rules.append_only and privilege in {"UPDATE", "DELETE"}:
            yield f"{table}: is append-only, and {grantee} may {privilege}"


def _roles(connection: Connection[Any], rules: Rules) -> Iterator[str]:
    for role, superuser, bypasses, creates in connection.execute(_ROLES, ([rules.app, rules.sweep],)):
        if superuser or bypasses or creates:
            yield f"role {role}: can go round row level security"
    for role, owner in connection.execute(_MEMBERS, ([rules.app, rules.sweep],)):
        yield f"role {role}: is a member of {owner}, who owns tables"


def _functions(connection: Connection[Any]) -> Iterator[str]:
    for name, settings, public in connection.execute(_DEFINERS):
        if not any(setting.startswith("search_path=") for setting in settings or ()):
            yield f"function {name}: is SECURITY DEFINER without a search_path of its own"
        if public:
            yield f"function {name}: is SECURITY DEFINER and everybody may execute it"


_TABLES = """
    SELECT c.relname, EXISTS (
        SELECT 1 FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = 'account_id' AND NOT a.attisdropped
    )
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    ORDER BY c.relname
"""
_SECURITY = """
    SELECT relrowsecurity, relforcerowsecurity, relowner::regrole::text
    FROM pg_class WHERE oid = ('public.' || quote_ident(%s))::regclass
"""
_POLICIES = """
    SELECT polname, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
    FROM pg_policy
    WHERE polrelid = ('public.' || quote_ident(%s))::regclass AND polpermissive
      AND (polroles = '{0}' OR %s::regrole = ANY (polroles))
"""
_NAMES_A_SITE = """
    SELECT 1 FROM pg_attribute
    WHERE attrelid = ('public.' || quote_ident(%s))::regclass AND attname = 'site_id' AND attnotnull
"""
_UNIQUES = """
    SELECT i.indexrelid::regclass::text, coalesce(a.attname, 'an expression')
    FROM pg_index i
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND i.indkey[0] <> 0
    WHERE i.indrelid = ('public.' || quote_ident(%s))::regclass AND i.indisunique
"""
_FOREIGN_KEYS = """
    SELECT f.conname,
           ARRAY(
               SELECT a.attname::text FROM pg_attribute a
               WHERE a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)
           ),
           f.confrelid::regclass::text
    FROM pg_constraint f
    WHERE f.conrelid = ('public.' || quote_ident(%s))::regclass AND f.contype = 'f' AND EXISTS (
        SELECT 1 FROM pg_attribute a WHERE a.attrelid = f.confrelid AND a.attname = 'account_id'
    )
"""
_GRANTS = """
    SELECT DISTINCT grantee, privilege FROM (
        SELECT coalesce(r.rolname, 'PUBLIC') AS grantee, g.privilege_type AS privilege, c.relname
        FROM pg_class c, aclexplode(c.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee
        WHERE c.relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT coalesce(r.rolname, 'PUBLIC'), g.privilege_type, c.relname
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee
        WHERE c.relnamespace = 'public'::regnamespace
    ) granted
    WHERE relname = %s
"""
_ROLES = "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = ANY (%s)"
_MEMBERS = """
    SELECT r.rolname, o.rolname
    FROM pg_roles r, (SELECT DISTINCT relowner FROM pg_class WHERE relnamespace = 'public'::regnamespace) t
    JOIN pg_roles o ON o.oid = t.relowner
    WHERE r.rolname = ANY (%s) AND pg_has_role(r.oid, o.oid, 'MEMBER')
"""
_LAX_VIEWS = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
      AND NOT coalesce(reloptions, '{}') @> ARRAY['security_invoker=true']
    UNION ALL
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'm'
"""
_DEFINERS = """
    SELECT p.oid::regprocedure::text, p.proconfig,
           p.proacl IS NULL OR EXISTS (SELECT 1 FROM aclexplode(p.proacl) g WHERE g.grantee = 0)
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND NOT EXISTS (
        SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e'
    )
"""
