"""The HTTP client: an engine over our own sockets, so that nothing on the wire is hidden."""
