"""The services: each owns one kind of data in its own database, and none imports another."""
