"""The built-in destination `sites`: published articles as a static site, and the small server that shows it."""

from services.integration.sites.model import Article, BadArticle, Picture, SiteFacts
from services.integration.sites.store import Published, SiteBusy, SiteStore, UnknownVersion

__all__ = [
    "Article",
    "BadArticle",
    "Picture",
    "Published",
    "SiteBusy",
    "SiteFacts",
    "SiteStore",
    "UnknownVersion",
]
