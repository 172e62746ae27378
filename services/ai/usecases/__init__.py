"""Calls to models: each recorded before it is made and when it has ended, and answered again from the record."""

from services.ai.usecases.calls import Calls, Providers, TextJob

__all__ = ["Calls", "Providers", "TextJob"]
