"""The blocks of docs/generators.md that need torch; the others are run with all pages, in tests/docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks
from tests.docs.stage import furnish, run

pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.frameworks
BLOCKS = [each for each in blocks("docs/generators.md") if each.reason is not None]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda each: each.name)
def test_it_runs_where_torch_is(block: Block, tmp_path: Path) -> None:
    assert "takes torch" in block.reason
    block.output = "torch.Size([478, 2]) False\nFalse\n"
    furnish(tmp_path)
    run(block, tmp_path)


def test_there_is_one() -> None:
    assert len(BLOCKS) == 1
