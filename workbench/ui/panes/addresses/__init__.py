"""The Addresses tab."""
