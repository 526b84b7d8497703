"""Reference tables: HTTP's statuses, methods and fields, cookies' attributes, TLS's alerts."""
