"""The input of ``fetch-deps``: from its text to checked values."""
