"""HTTP: one session, and the download of a file into the cache."""
