"""What the commands do, one file for each, free of the command line."""
