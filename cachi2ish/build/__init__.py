"""Build requirements of sdists: read, never run; and the set of versions with which all of them are built."""
