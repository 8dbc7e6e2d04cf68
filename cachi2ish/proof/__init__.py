"""What an offline install will do with an output, on a target."""
