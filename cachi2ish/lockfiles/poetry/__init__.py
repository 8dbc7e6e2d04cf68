"""Poetry's lock file."""
