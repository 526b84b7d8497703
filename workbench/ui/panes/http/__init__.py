"""The HTTP tab."""
