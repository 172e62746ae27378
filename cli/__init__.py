"""The `igny8` command: everything on one machine, the demo, and the daily work over REST.

It knows the services by their programs and environment variables and by the gateway's REST interface; it imports
none of them.
"""
