"""A module for each step."""
