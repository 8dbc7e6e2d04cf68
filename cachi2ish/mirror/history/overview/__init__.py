"""What people ask the history: the past of a project, names that are alike, how much is known, what alarmed."""
