"""SMTP and LMTP: what reads and writes it, a client, and a sink that serves it (RFC 5321, 2033)."""
