"""CycloneDX 1.6."""
