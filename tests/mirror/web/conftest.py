from __future__ import annotations

from tests.mirror.server.conftest import mirror, upstream

__all__ = ["mirror", "upstream"]
