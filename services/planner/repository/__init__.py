"""Every query of the planner, by what it is about. Each takes a transaction, which knows its tenant."""
