"""Fixtures and fakes that tests of this project, and of what is built on it, stand on."""
