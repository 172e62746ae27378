"""What identity does: one function for each business act."""
