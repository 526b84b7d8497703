"""Collections of requests: `.http` files as editors' REST clients have them, run in order."""
