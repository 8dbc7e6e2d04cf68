"""From a requirement and a project page to the files to fetch."""
