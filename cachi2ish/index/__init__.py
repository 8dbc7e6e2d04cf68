"""Package indexes: one over HTTP, and wrappers that change what an index says."""
