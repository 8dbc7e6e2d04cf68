"""pip's requirements files."""
