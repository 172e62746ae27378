"""Workers that die, or freeze and wake, at every point of every kind of step; and whoever else makes calls and commits.

What a worker does for a step is a row of calls to other services and of commits in the orchestrator's database; between
two of them nothing changes, so a kill "before" the one is a kill "after" the other, and there are as many points as
there are calls and commits. `tests.lives` stops whoever makes them at one of them, `walk` a worker of each step at
another;
`supply` has steps of every kind ready, and `witness` says what must be true when everything has ended.
"""
