"""A cookie jar in a file: listed, edited, asked what it sends."""
