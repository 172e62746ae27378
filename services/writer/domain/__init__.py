"""The writer's rules: no IO, no clock, no database."""
