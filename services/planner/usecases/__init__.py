"""What the planner does: one function, or one class for a run's function, per business act."""
