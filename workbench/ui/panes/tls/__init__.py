"""The TLS tab."""
