"""The history of indexes: a log of what was seen of them, and pages as of any instant made from it."""
