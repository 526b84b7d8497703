"""IMAP: codec, client and server (RFC 3501, 2177, 4315, 6851)."""
