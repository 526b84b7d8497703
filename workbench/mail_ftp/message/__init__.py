"""Mail messages: what their bytes say, and bytes made from what is to be said."""
