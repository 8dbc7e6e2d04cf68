"""The user's own projects: what they are called and which version they are."""
