"""The same request many times over: how long the answers take."""
