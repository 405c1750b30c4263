"""``facegate retention`` on the servers that many machines share; the rest of it is in tests/unit/commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.postgres import PostgresServer
from tests.unit.commands.test_retention import PNG, WORDS, Desk


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[str]:
    """Without the tables, which `init` makes."""
    with postgres_server.fresh_database() as url:
        yield url


def test_postgresql_and_s3(tmp_path: Path, empty_database: str, s3_server: Any, s3_bucket: str) -> None:
    desk, options = Desk(tmp_path), s3_server.options()
    variables = {
        "FACEGATE_RETENTION_DATABASE": empty_database,
        "FACEGATE_RETENTION_BLOBS": f"s3://{s3_bucket}/kept",
        "AWS_ENDPOINT": options["endpoint"],
        "AWS_REGION": options["region"],
        "AWS_ACCESS_KEY_ID": options["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": options["secret_access_key"],
        "AWS_ALLOW_HTTP": "true",
    }
    assert f"s3://{s3_bucket}/kept" in desk.run("init", **variables).stdout
    asset = desk.run("put", tmp_path / "photo.png", *WORDS, **variables).stdout.strip()
    assert desk.run("get", asset, "--purpose", "safety", "--out", "-", **variables).stdout_bytes == PNG
    assert json.loads(desk.run("report", "--json", **variables).stdout)["kept"]["count"] == 1
    assert desk.run("forget", "zebra", **variables).stdout == "deleted: 1 asset, 2.0 KiB\n"
    assert desk.run("check", **variables).stdout.startswith("looked at: 0 assets; 0 blobs")
