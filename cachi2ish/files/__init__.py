"""Files that somebody else made: paths that stay in their root, files read and replaced whole, locks."""
