"""POP3: codec, client and server (RFC 1939, 2449, 2595)."""
