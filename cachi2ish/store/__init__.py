"""Places on disk: the content-addressed cache, its catalogue, and the output directory."""
