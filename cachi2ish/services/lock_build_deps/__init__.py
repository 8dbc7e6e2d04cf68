"""``lock-build-deps``: read, choose, look into sdists, find what they are built with, write it down."""
