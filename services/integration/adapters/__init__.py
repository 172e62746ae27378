"""One adapter per kind of destination, all of the shape in `base`."""
