"""What the cache remembers beside the files: a database of signed rows."""
