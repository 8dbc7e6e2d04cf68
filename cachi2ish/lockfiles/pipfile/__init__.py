"""pipenv's lock file."""
