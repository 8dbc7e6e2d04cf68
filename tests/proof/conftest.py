"""The person of the command line's tests."""

from tests.cli.conftest import person

__all__ = ["person"]
