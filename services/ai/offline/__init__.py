"""The offline provider: real outlines, briefs and drafts without a model, the same for the same question."""

from services.ai.offline.facts import MissingVariable, OfflineError, UnknownTemplate
from services.ai.offline.provider import OfflineProvider, Usage
from services.ai.offline.titlecard import BadImageSize

__all__ = ["BadImageSize", "MissingVariable", "OfflineError", "OfflineProvider", "UnknownTemplate", "Usage"]
