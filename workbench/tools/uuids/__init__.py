"""UUIDs: made and read (RFC 9562)."""
