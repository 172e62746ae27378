"""What the writer does: one function, one business act, one transaction; and its functions for runs."""
