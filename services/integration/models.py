"""The tables of integration."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns, idempotency, outbox, tenancy, work
from chassis.tenancy import Editable, SectorRow, SiteRow, SoftDeleted, TenantBase, within_site
from services.integration import domain

CATALOGUE = frozenset({"plugin_release"})
_SITE = ("account_id", "site_id")


class Base(TenantBase):
    """Base of integration's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)
idempotency.add_table(Base.metadata)
work.add_table(Base.metadata)


class SiteIntegration(SiteRow, Editable, SoftDeleted, Base):
    """A destination that a site is connected to. `credentials` is sealed (chassis.secrets), never text."""

    __tablename__ = "site_integration"
    __table_args__ = (
        sa.UniqueConstraint(*_SITE, "id"),
        sa.Index(
            "site_integration_platform_key",
            *_SITE,
            "platform",
            unique=True,
            postgresql_where=sa.text("delete_time IS NULL"),
        ),
        columns.one_of("platform", *domain.PLATFORMS),
        columns.one_of("platform_type", *domain.PLATFORM_TYPES),
        columns.one_of("sync_direction", *domain.SYNC_DIRECTIONS),
        columns.one_of("sync_status", *domain.SYNC_STATUSES),
    )

    platform: Mapped[str] = columns.text(default=None)
    platform_type: Mapped[str] = columns.text(default="cms")
    base_url: Mapped[str] = columns.text()
    config: Mapped[dict[str, Any]] = columns.json_object()
    credentials: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    active: Mapped[bool] = columns.flag(default=True)
    sync_enabled: Mapped[bool] = columns.flag(default=True)
    sync_direction: Mapped[str] = columns.text(default="to_site")
    sync_status: Mapped[str] = columns.text(default="never")
    last_sync_time: Mapped[datetime | None] = columns.instant_or_none()
    last_error: Mapped[str] = columns.text()


class SyncEvent(SiteRow, Base):
    """Something that happened between us and a destination. Never changed."""

    __tablename__ = "sync_event"
    __table_args__ = (
        within_site("site_integration", "site_integration_id"),
        sa.Index("sync_event_feed_idx", *_SITE, "id"),
        sa.Index("sync_event_integration_idx", "account_id", "site_integration_id", "id"),
        sa.Index("sync_event_content_idx", "account_id", "content_id", "id"),
    )

    site_integration_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    event_type: Mapped[str] = columns.text(default=None)
    action: Mapped[str] = columns.text()
    success: Mapped[bool] = mapped_column(sa.Boolean, nullable=False)
    content_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    external_id: Mapped[str] = columns.text()
    details: Mapped[dict[str, Any]] = columns.json_object()
    error: Mapped[str] = columns.text()
    duration_ms: Mapped[int] = columns.whole()


class Publication(SectorRow, Editable, Base):
    """A content at a destination.

    Who holds the lease may talk to the destination about this content; `lease_token` says who that is. What the
    destination holds has the digest `content_digest`; `before_image` is what it held before that.
    """

    __tablename__ = "publication"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "content_id", "site_integration_id"),
        within_site("site_integration", "site_integration_id"),
        columns.one_of("platform", *domain.PLATFORMS),
        columns.one_of("status", *domain.PUBLICATION_STATUSES),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease"),
        sa.Index("publication_status_idx", *_SITE, "status", "id"),
        sa.Index(
            "publication_schedule_idx",
            "schedule_time",
            postgresql_where=sa.text("status = 'scheduled'"),
        ),
    )

    content_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)  # the writer's
    site_integration_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    platform: Mapped[str] = columns.text(default=None)
    status: Mapped[str] = columns.text(default="pending")
    external_id: Mapped[str] = columns.text()
    external_url: Mapped[str] = columns.text()
    content_digest: Mapped[str] = columns.text()
    warnings: Mapped[list[str]] = columns.texts()
    error: Mapped[str] = columns.text()
    error_reason: Mapped[str] = columns.text()
    attempts: Mapped[int] = mapped_column(sa.Integer, nullable=False, server_default="0")
    before_image: Mapped[dict[str, Any]] = columns.json_object()
    external_metadata: Mapped[dict[str, Any]] = columns.json_object()
    schedule_time: Mapped[datetime | None] = columns.instant_or_none()
    publish_time: Mapped[datetime | None] = columns.instant_or_none()
    lease_token: Mapped[UUID | None] = mapped_column(sa.Uuid)
    lease_until: Mapped[datetime | None] = columns.instant_or_none()


class PublishingSettings(SiteRow, Editable, Base):
    """When and how much of a site is published by itself; no limit where it is NULL."""

    __tablename__ = "publishing_settings"
    __table_args__ = (
        sa.UniqueConstraint(*_SITE),
        *[
            sa.CheckConstraint(f"{name} > 0", name=name)
            for name in ("daily_limit", "weekly_limit", "monthly_limit", "queue_limit")
        ],
        sa.CheckConstraint("stagger_minutes >= 0", name="stagger_minutes"),
        sa.CheckConstraint("publish_days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]", name="publish_days"),
    )

    auto_approve: Mapped[bool] = columns.flag(default=False)
    auto_publish: Mapped[bool] = columns.flag(default=False)
    daily_limit: Mapped[int | None] = mapped_column(sa.Integer)
    weekly_limit: Mapped[int | None] = mapped_column(sa.Integer)
    monthly_limit: Mapped[int | None] = mapped_column(sa.Integer)
    queue_limit: Mapped[int | None] = mapped_column(sa.Integer)
    publish_days: Mapped[list[int]] = mapped_column(
        ARRAY(sa.Integer), nullable=False, server_default=sa.text("'{1,2,3,4,5,6,7}'")
    )  # ISO: Monday is 1
    time_slots: Mapped[list[str]] = columns.texts()
    stagger_minutes: Mapped[int] = mapped_column(sa.Integer, nullable=False, server_default="0")
    time_zone: Mapped[str] = columns.text(default="UTC")


class DeploymentRecord(SiteRow, Editable, Base):
    """A version of a site that our own renderer put up; `sector_id` when it was about one sector."""

    __tablename__ = "deployment_record"
    __table_args__ = (
        sa.UniqueConstraint(*_SITE, "version"),
        sa.ForeignKeyConstraint([*_SITE, "sector_id"], [f"sector_ref.{column}" for column in (*_SITE, "sector_id")]),
        columns.one_of("status", *domain.DEPLOYMENT_STATUSES),
    )

    sector_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    version: Mapped[int] = mapped_column(sa.BigInteger, nullable=False)
    deployed_version: Mapped[int | None] = mapped_column(sa.BigInteger)
    status: Mapped[str] = columns.text(default="pending")
    deployment_url: Mapped[str] = columns.text()
    error: Mapped[str] = columns.text()
    deployment_metadata: Mapped[dict[str, Any]] = columns.json_object()
    deploy_time: Mapped[datetime | None] = columns.instant_or_none()


class WebhookEvent(SiteRow, Base):
    """What a destination told us, kept as it came before anything is done about it."""

    __tablename__ = "webhook_event"
    __table_args__ = (
        within_site("site_integration", "site_integration_id"),
        sa.UniqueConstraint(
            "account_id", "site_integration_id", "external_event_id", name="webhook_event_external_key"
        ),
        columns.one_of("status", *domain.WEBHOOK_STATUSES),
        sa.Index("webhook_event_open_idx", "account_id", "id", postgresql_where=sa.text("status = 'received'")),
    )

    site_integration_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    external_event_id: Mapped[str] = columns.text(default=None)
    topic: Mapped[str] = columns.text(default=None)
    headers: Mapped[dict[str, Any]] = columns.json_object()
    payload: Mapped[dict[str, Any]] = columns.json_object()
    status: Mapped[str] = columns.text(default="received")
    attempts: Mapped[int] = mapped_column(sa.Integer, nullable=False, server_default="0")
    error: Mapped[str] = columns.text()
    process_time: Mapped[datetime | None] = columns.instant_or_none()


class TaxonomyMapping(SiteRow, Editable, Base):
    """The writer's term and the same term at a destination."""

    __tablename__ = "taxonomy_mapping"
    __table_args__ = (
        within_site("site_integration", "site_integration_id"),
        sa.UniqueConstraint("account_id", "site_integration_id", "taxonomy_term_id", name="taxonomy_mapping_term_key"),
        sa.UniqueConstraint(
            "account_id",
            "site_integration_id",
            "external_taxonomy",
            "external_id",
            name="taxonomy_mapping_external_key",
        ),
        columns.one_of("sync_status", *domain.SYNC_STATUSES),
    )

    site_integration_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    taxonomy_term_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)  # the writer's
    external_taxonomy: Mapped[str] = columns.text(default=None)
    external_id: Mapped[str] = columns.text(default=None)
    sync_status: Mapped[str] = columns.text(default="never")
    last_sync_time: Mapped[datetime | None] = columns.instant_or_none()


class SiteContentType(SiteRow, Editable, Base):
    """A post type or taxonomy that a destination offers, and whether it takes part in the exchange."""

    __tablename__ = "site_content_type"
    __table_args__ = (
        within_site("site_integration", "site_integration_id"),
        sa.UniqueConstraint("account_id", "site_integration_id", "kind", "name"),
        columns.one_of("kind", *domain.CONTENT_TYPE_KINDS),
    )

    site_integration_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    kind: Mapped[str] = columns.text(default=None)
    name: Mapped[str] = columns.text(default=None)
    label: Mapped[str] = columns.text()
    enabled: Mapped[bool] = columns.flag(default=False)
    item_count: Mapped[int] = columns.whole()
    structure: Mapped[dict[str, Any]] = columns.json_object()


class PluginInstallation(SiteRow, Editable, Base):
    """The WordPress plugin on a site, as it last reported itself."""

    __tablename__ = "plugin_installation"
    __table_args__ = (
        within_site("site_integration", "site_integration_id"),
        sa.UniqueConstraint("account_id", "site_integration_id"),
    )

    site_integration_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    plugin_version: Mapped[str] = columns.text()
    wordpress_version: Mapped[str] = columns.text()
    php_version: Mapped[str] = columns.text()
    last_seen_time: Mapped[datetime | None] = columns.instant_or_none()


class PluginRelease(Base):
    """A released version of the WordPress plugin, the same for every account."""

    __tablename__ = "plugin_release"
    __table_args__ = (sa.UniqueConstraint("version"),)

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    version: Mapped[str] = columns.text(default=None)
    object_key: Mapped[str] = columns.text(default=None)
    sha256: Mapped[str] = columns.text(default=None)
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger, nullable=False)
    requires_wordpress: Mapped[str] = columns.text()
    requires_php: Mapped[str] = columns.text()
    changelog: Mapped[str] = columns.text()
    create_time: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
