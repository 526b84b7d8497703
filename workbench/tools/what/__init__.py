"""Paste anything: what a text or some bytes are, how sure that is, and what is inside them."""
