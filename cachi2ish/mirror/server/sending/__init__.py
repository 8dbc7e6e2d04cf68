"""Files on their way from the disk to clients."""
