"""``fetch-deps``: read, choose, transfer, record; a file for each stage."""
