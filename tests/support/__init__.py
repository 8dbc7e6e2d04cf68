"""Small real things for tests: distributions, an index server, a git server."""
