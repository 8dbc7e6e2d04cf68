"""uv's lock file."""
