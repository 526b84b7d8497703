"""URLs: as browsers read them, as Python does, and where the two differ."""
