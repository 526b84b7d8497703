"""The Sockets tab."""
