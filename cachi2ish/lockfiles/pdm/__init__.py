"""PDM's lock file."""
