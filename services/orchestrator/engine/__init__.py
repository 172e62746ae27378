"""How steps are claimed, carried through their phases, and ended; see the phases in `carry`.

Everything here works under the sweep role, which sees every tenant's steps, and speaks to others with a passport for
the one account and site of the run.
"""
