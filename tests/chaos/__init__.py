"""The whole system under kills, pauses and a moody model provider, and a judge that looks at what is left.

    python -m tests.chaos --seeds 5

`script` draws what happens from a seed, `play` makes it happen, `judge` decides.
"""
