"""The pure core: what the tool is about, without I/O, clock or environment."""
