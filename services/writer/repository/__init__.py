"""Every query of the writer, by the table it is mostly about."""
