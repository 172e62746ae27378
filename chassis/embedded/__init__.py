"""Real PostgreSQL and Redis servers out of pip packages, for one machine without either.

`postgres` and `redis` know how to prepare and command one server each, `program` is what a supervisor owns,
`place` finds a folder that an unprivileged user can reach, and `roles` makes the databases and roles of the
services, on the embedded server as on any other.
"""
