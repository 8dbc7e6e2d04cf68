"""Lock files: reading them, and rewriting their addresses."""
