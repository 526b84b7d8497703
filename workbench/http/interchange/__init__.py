"""Requests to and from other tools: curl's command line, HAR files."""
