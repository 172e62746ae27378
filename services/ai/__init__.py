"""The ai service: the only place that talks to a model.

Owns: the model catalogue, prompt templates and their account overrides, provider credentials, and every provider
call with its usage, cost and answer.
Never owns: tenant content beyond the call record.
"""
