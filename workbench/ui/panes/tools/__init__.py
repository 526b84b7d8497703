"""The Tools tab."""
