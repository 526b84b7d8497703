"""One request through three clients: urllib.request, http.client and our own, side by side."""
