"""Everything that is settled before a command begins: options, environment and files, in this order."""
