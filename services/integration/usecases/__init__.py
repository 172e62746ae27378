"""What integration does: connecting destinations, and publishing to them."""
