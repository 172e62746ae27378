"""Prompt templates: the platform's own, the accounts' overrides, and how they become messages."""

from services.ai.prompts.errors import BadTemplate, BadVariable, MissingVariable, PromptError, UnknownTemplate
from services.ai.prompts.render import Message, render
from services.ai.prompts.template import FUNCTIONS, STRUCTURES, Template, load, override

__all__ = [
    "FUNCTIONS",
    "STRUCTURES",
    "BadTemplate",
    "BadVariable",
    "Message",
    "MissingVariable",
    "PromptError",
    "Template",
    "UnknownTemplate",
    "load",
    "override",
    "render",
]
