"""Rules of runs without any IO: the stage table, what a plan means, and how failures are treated."""
