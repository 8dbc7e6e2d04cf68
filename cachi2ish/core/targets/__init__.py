"""Machines to prefetch for: Python, platform, tags and markers."""
