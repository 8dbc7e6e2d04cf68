"""What people ask the history: the whole past of a project, how much is known of a day, names that are alike."""
