"""A full-screen terminal network workbench."""

__version__ = "0.1.0"
