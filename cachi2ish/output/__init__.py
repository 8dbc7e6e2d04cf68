"""The output directory: assembled beside the one that is there, and swapped in."""
