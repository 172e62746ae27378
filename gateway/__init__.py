"""REST to gRPC: proves who is calling, mints a passport, and translates by the protos' own annotations.

It owns no data. What it keeps for a minute (who holds a credential, what a site is) is a cache; every process of it
is like every other.
"""
