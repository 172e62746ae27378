"""The micro-batcher in front of a busy account: what many want of it at once is one transaction."""

from services.billing.batching.ledger import Ledger

__all__ = ["Ledger"]
