"""The words of the data model, as they are stored: the proto's value names in lower case."""

from chassis.html import slugify

CONTENT_TYPES = ("post", "page", "product", "taxonomy")
CONTENT_STRUCTURES = (
    "article",
    "guide",
    "comparison",
    "review",
    "listicle",
    "landing_page",
    "business_page",
    "service_page",
    "general",
    "cluster_hub",
    "product_page",
    "category_archive",
    "tag_archive",
    "attribute_archive",
)
TASK_STATUSES = ("queued", "running", "completed", "failed")
CONTENT_STATUSES = ("draft", "review", "approved", "published")
CONTENT_SOURCES = ("igny8", "wordpress", "shopify", "manual")
SYNC_STATUSES = ("native", "imported", "synced")
TERM_KINDS = ("category", "tag", "attribute")
IMAGE_KINDS = ("featured", "in_article")
IMAGE_STATUSES = ("pending", "generated", "failed")
CLUSTER_ROLES = ("hub", "supporting", "attribute")
MAPPING_SOURCES = ("blueprint", "manual", "import")
ATTRIBUTE_KINDS = ("product_spec", "service_modifier", "semantic_facet")
OPTIMIZATION_STATUSES = ("pending", "running", "completed", "failed")
LINK_STATUSES = ("suggested", "accepted", "rejected", "applied")


def cluster_role(structure: str) -> str:
    """Return what a page of a structure is to its cluster: its hub, one of its attributes, or a supporting article."""
    return {"cluster_hub": "hub", "attribute_archive": "attribute"}.get(structure, "supporting")


def term_slug(name: str) -> str:
    """Return the last part of a term's address; two names with the same one are the same term."""
    return slugify(name, kind="term")
