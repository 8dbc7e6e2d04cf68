"""The commands, a file for each: arguments, options, and the call of a service."""
