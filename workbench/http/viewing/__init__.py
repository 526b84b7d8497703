"""A body of any size, read by rows: kept on disk, counted in the background, searched whole."""
