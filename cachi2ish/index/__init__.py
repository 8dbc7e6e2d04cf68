"""Package indexes: project pages in JSON and HTML, and wrappers that change what an index says."""
