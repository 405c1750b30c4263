"""Whoever reads while somebody else deletes is told that it is not kept, not that it is damaged."""

from __future__ import annotations

import pytest

from facegate.errors import DamagedError, NotKeptError
from tests.unit.retention.conftest import Opened


def test_what_is_deleted_before_its_content_is_read(local: Opened) -> None:
    kept = local.put()
    content = local.store.get(kept.asset, purpose="generation", who="worker")
    local.store.delete(kept.asset, who="worker", why="asked")
    with pytest.raises(NotKeptError, match="deleted while"):
        content.read()


def test_what_has_lost_its_blob_is_damaged_all_the_same(local: Opened) -> None:
    kept = local.put()
    content = local.store.get(kept.asset, purpose="generation", who="worker")
    local.store._parts.blobs.delete([kept.asset])
    with pytest.raises(DamagedError, match="is gone"):
        content.read()
