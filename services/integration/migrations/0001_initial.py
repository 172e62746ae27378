"""All tables of integration."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis import baseline, migrate, tenancy
from chassis.tenancy import within_site

revision = "0001"
down_revision = None
_SECTOR = ("account_id", "site_id", "sector_id")
_SITE = _SECTOR[:2]
_PLATFORMS = "wordpress shopify sites custom"
_NEVER_DELETED = "SELECT, INSERT, UPDATE"
_REWRITTEN = "publishing_settings webhook_event taxonomy_mapping site_content_type plugin_installation"


def upgrade() -> None:
    app, sweep = migrate.roles(op)
    baseline.create(op, app, sweep, functions=True)
    _site_integration()
    _sync_event()
    _publication()
    _publishing_settings()
    _deployment_record()
    _webhook_event()
    _mappings()
    _plugin()
    for table in ("site_integration", "publication", "deployment_record"):
        tenancy.protect(op, table, app, "site", grants=_NEVER_DELETED)
    tenancy.protect(op, "sync_event", app, "site", grants="SELECT, INSERT")  # what happened is never rewritten
    for table in _REWRITTEN.split():
        tenancy.protect(op, table, app, "site")
    op.execute(f"GRANT SELECT ON plugin_release TO {app}")


def downgrade() -> None:
    raise NotImplementedError("A schema is not taken back: restore the backup that was made before the migration.")


def _site_table(name: str, *parts: Any, editable: bool = True, key: tuple[str, ...] = _SITE) -> None:
    """Create a tenant's table; `key` names the reference row that it hangs on: the site's, or the sector's."""
    op.create_table(
        name,
        *map(_id, ("account_id", "id", *key[1:])),
        *parts,
        _now("create_time"),
        *(_edited() if editable else ()),
        sa.PrimaryKeyConstraint("account_id", "id"),
        sa.ForeignKeyConstraint(key, [f"{'sector_ref' if key == _SECTOR else 'site_ref'}.{column}" for column in key]),
    )


def _edited() -> tuple[sa.Column[Any], ...]:
    return (
        _now("update_time"),
        sa.Column("revision", sa.BigInteger, server_default=sa.text("1"), nullable=False),
    )


def _required(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def _text(name: str, default: str = "") -> sa.Column[Any]:
    return sa.Column(name, sa.Text, server_default=default, nullable=False)


def _texts(name: str) -> sa.Column[Any]:
    return sa.Column(name, ARRAY(sa.Text), server_default=sa.text("'{}'"), nullable=False)


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid, nullable=False)


def _object(name: str) -> sa.Column[Any]:
    return sa.Column(name, JSONB, server_default=sa.text("'{}'"), nullable=False)


def _flag(name: str, *, default: bool) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, server_default=sa.true() if default else sa.false(), nullable=False)


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, server_default="0", nullable=False)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True))


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _one_of(table: str, column: str, values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values.split())
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{table}_{column}_check")


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=f"{table}_{name}_check")


def _index(name: str, table: str, columns: str, *, unique: bool = False, where: str | None = None) -> None:
    op.create_index(name, table, columns.split(), unique=unique, postgresql_where=where and sa.text(where))


def _site_integration() -> None:
    _site_table(
        "site_integration",
        _required("platform"),
        _text("platform_type", "cms"),
        _text("base_url"),
        _object("config"),
        sa.Column("credentials", JSONB),
        _flag("active", default=True),
        _flag("sync_enabled", default=True),
        _text("sync_direction", "to_site"),
        _text("sync_status", "never"),
        _moment("last_sync_time"),
        _text("last_error"),
        _moment("delete_time"),
        _one_of("site_integration", "platform", _PLATFORMS),
        _one_of("site_integration", "platform_type", "cms ecommerce renderer custom_api"),
        _one_of("site_integration", "sync_direction", "metadata both to_site from_site"),
        _one_of("site_integration", "sync_status", "never succeeded failed"),
        sa.UniqueConstraint("account_id", "site_id", "id"),
    )
    _index(
        "site_integration_platform_key",
        "site_integration",
        "account_id site_id platform",
        unique=True,
        where="delete_time IS NULL",
    )


def _sync_event() -> None:
    _site_table(
        "sync_event",
        _id("site_integration_id"),
        _required("event_type"),
        _text("action"),
        sa.Column("success", sa.Boolean, nullable=False),
        sa.Column("content_id", sa.Uuid),
        _text("external_id"),
        _object("details"),
        _text("error"),
        sa.Column("duration_ms", sa.BigInteger, server_default="0", nullable=False),
        within_site("site_integration", "site_integration_id"),
        editable=False,
    )
    _index("sync_event_feed_idx", "sync_event", "account_id site_id id")
    _index("sync_event_integration_idx", "sync_event", "account_id site_integration_id id")
    _index("sync_event_content_idx", "sync_event", "account_id content_id id")


def _publication() -> None:
    statuses = "pending scheduled publishing published published_with_warnings failed retracted"
    _site_table(
        "publication",
        *map(_id, ("content_id", "site_integration_id")),
        _required("platform"),
        _text("status", "pending"),
        *map(_text, ("external_id", "external_url", "content_digest")),
        _texts("warnings"),
        *map(_text, ("error", "error_reason")),
        _count("attempts"),
        *map(_object, ("before_image", "external_metadata")),
        *map(_moment, ("schedule_time", "publish_time")),
        sa.Column("lease_token", sa.Uuid),
        _moment("lease_until"),
        _one_of("publication", "platform", _PLATFORMS),
        _one_of("publication", "status", statuses),
        _check("publication", "lease", "(lease_token IS NULL) = (lease_until IS NULL)"),
        within_site("site_integration", "site_integration_id"),
        sa.UniqueConstraint("account_id", "content_id", "site_integration_id"),
        key=_SECTOR,
    )
    _index("publication_status_idx", "publication", "account_id site_id status id")
    _index("publication_schedule_idx", "publication", "schedule_time", where="status = 'scheduled'")


def _publishing_settings() -> None:
    limits = ("daily_limit", "weekly_limit", "monthly_limit", "queue_limit")
    week = sa.text("'{1,2,3,4,5,6,7}'")
    _site_table(
        "publishing_settings",
        _flag("auto_approve", default=False),
        _flag("auto_publish", default=False),
        *[sa.Column(name, sa.Integer) for name in limits],
        sa.Column("publish_days", ARRAY(sa.Integer), server_default=week, nullable=False),
        _texts("time_slots"),
        _count("stagger_minutes"),
        _text("time_zone", "UTC"),
        *[_check("publishing_settings", name, f"{name} > 0") for name in limits],
        _check("publishing_settings", "stagger_minutes", "stagger_minutes >= 0"),
        _check("publishing_settings", "publish_days", "publish_days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]"),
        sa.UniqueConstraint("account_id", "site_id"),
    )


def _deployment_record() -> None:
    _site_table(
        "deployment_record",
        sa.Column("sector_id", sa.Uuid),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("deployed_version", sa.BigInteger),
        _text("status", "pending"),
        *map(_text, ("deployment_url", "error")),
        _object("deployment_metadata"),
        _moment("deploy_time"),
        _one_of("deployment_record", "status", "pending deploying deployed failed rolled_back"),
        sa.ForeignKeyConstraint(_SECTOR, [f"sector_ref.{column}" for column in _SECTOR]),
        sa.UniqueConstraint("account_id", "site_id", "version"),
    )


def _webhook_event() -> None:
    _site_table(
        "webhook_event",
        _id("site_integration_id"),
        *map(_required, ("external_event_id", "topic")),
        *map(_object, ("headers", "payload")),
        _text("status", "received"),
        _count("attempts"),
        _text("error"),
        _moment("process_time"),
        _one_of("webhook_event", "status", "received processed failed"),
        within_site("site_integration", "site_integration_id"),
        sa.UniqueConstraint(
            "account_id", "site_integration_id", "external_event_id", name="webhook_event_external_key"
        ),
        editable=False,
    )
    _index("webhook_event_open_idx", "webhook_event", "account_id id", where="status = 'received'")


def _mappings() -> None:
    _site_table(
        "taxonomy_mapping",
        *map(_id, ("site_integration_id", "taxonomy_term_id")),
        *map(_required, ("external_taxonomy", "external_id")),
        _text("sync_status", "never"),
        _moment("last_sync_time"),
        _one_of("taxonomy_mapping", "sync_status", "never succeeded failed"),
        within_site("site_integration", "site_integration_id"),
        sa.UniqueConstraint("account_id", "site_integration_id", "taxonomy_term_id", name="taxonomy_mapping_term_key"),
        sa.UniqueConstraint(
            "account_id",
            "site_integration_id",
            "external_taxonomy",
            "external_id",
            name="taxonomy_mapping_external_key",
        ),
    )
    _site_table(
        "site_content_type",
        _id("site_integration_id"),
        *map(_required, ("kind", "name")),
        _text("label"),
        _flag("enabled", default=False),
        sa.Column("item_count", sa.BigInteger, server_default="0", nullable=False),
        _object("structure"),
        _one_of("site_content_type", "kind", "post_type taxonomy"),
        within_site("site_integration", "site_integration_id"),
        sa.UniqueConstraint("account_id", "site_integration_id", "kind", "name"),
    )


def _plugin() -> None:
    _site_table(
        "plugin_installation",
        _id("site_integration_id"),
        *map(_text, ("plugin_version", "wordpress_version", "php_version")),
        _moment("last_seen_time"),
        within_site("site_integration", "site_integration_id"),
        sa.UniqueConstraint("account_id", "site_integration_id"),
    )
    op.create_table(
        "plugin_release",
        _id("id"),
        *map(_required, ("version", "object_key", "sha256")),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        *map(_text, ("requires_wordpress", "requires_php", "changelog")),
        _now("create_time"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("version"),
    )
