"""The cache: files addressed by what they contain, and the index pages that were read."""
