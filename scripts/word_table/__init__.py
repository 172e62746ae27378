"""Makes the static word table of the clustering; see `__main__`."""
