"""The integration service: what leaves for a site, and what comes back.

Owns: connected sites with their encrypted credentials, sync events, publications, deployments, the webhook inbox, and
one adapter per destination.
Never owns: generating anything.
"""
