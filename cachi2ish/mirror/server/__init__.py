"""The doors of the mirror: what it serves over HTTP."""
