"""The network: one HTTP session, and the download of a file into the cache."""
