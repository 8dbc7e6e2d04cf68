"""Source distributions: what an archive says it is."""
