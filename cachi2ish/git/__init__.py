"""Git repositories: the origin of a checkout, and a commit as an archive."""
