"""A process is killed at every step of all that changes a store; what it left is judged before a sweep and after it.

Short by default: some steps of each act, others with another ``FACEGATE_RETENTION_SEED``. ``FACEGATE_RETENTION=full``
(``make retention``) is every step, on S3 as well, or every so many-th with ``FACEGATE_RETENTION_EVERY``.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.retention.breaks import BREAKS
from tests.fault.retention.forker import Forker
from tests.fault.retention.kinds import Kind, PostgresqlAndFolder, PostgresqlAndS3, SqliteAndFolder
from tests.fault.retention.matrix import Matrix, Row
from tests.fault.retention.scenes import MATRIX, SCENES
from tests.servers import postgres, s3
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server

FULL = os.environ.get("FACEGATE_RETENTION") == "full"
SEED = int(os.environ.get("FACEGATE_RETENTION_SEED", "1"))
# Of each act on each kind of store, where not every step has its turn.
KILLS = 3
EVERY = int(os.environ.get("FACEGATE_RETENTION_EVERY", "1"))
KINDS = ("SQLite, folder", "PostgreSQL, folder", *(["PostgreSQL, S3"] if FULL else []))


# Kills that once left something for good: a person of whom nothing is kept, a put that a hold kept from being undone,
# an act that was not on the ledger.
LEFT = [
    ("put, a new person's", "after COMMIT"),
    ("put, under a hold", "before write"),
    ("put, torn", "acknowledged"),
    ("delete, the last", "before PRAGMA wal_checkpoint(TRUNCATE)"),
    ("hold a person", "after COMMIT"),
    ("release", "after COMMIT"),
    ("check and repair", "before PRAGMA wal_checkpoint(TRUNCATE)"),
]
# What each break is told by: a scene, and the step at which it is killed.
TOLD = {
    "kept before it is written": ("put, a new person's", "piece 1"),
    "the key after the blob": ("delete, one of many", "after unlink"),
    "no transactions": ("hold a request", "before INSERT INTO held"),
    "acknowledged without commit": ("hold an asset", "acknowledged"),
    "nobody is forgotten": ("delete, the last", "acknowledged"),
}


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    with Forker() as forker:
        yield Matrix(forker)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Killed are its clients, not the server, so it need not wait for the disk."""
    if missing := postgres.missing():
        pytest.skip(f"needs {missing}")
    with PostgresServer(durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def bucket_server() -> Iterator[S3Server]:
    if missing := s3.missing():
        pytest.skip(f"needs {missing}")
    with S3Server() as running:
        yield running


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """In memory: what a killed process has written is there all the same, and nobody waits for a disk."""
    with tempfile.TemporaryDirectory(prefix="facegate-kills-", dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    scratch: Path = request.getfixturevalue("scratch")
    if request.param == SqliteAndFolder.name:
        yield SqliteAndFolder(scratch)
        return
    postgresql = request.getfixturevalue("server")
    if request.param == PostgresqlAndFolder.name:
        made = PostgresqlAndFolder(scratch, postgresql)
    else:
        made = PostgresqlAndS3(scratch, postgresql, request.getfixturevalue("bucket_server"))
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[list[Row]]:
    """What is printed in the end."""
    rows: list[Row] = []
    yield rows
    print(f"\nseed {SEED}", *rows, f"{sum(row.kills for row in rows)} kills", sep="\n")


@pytest.mark.parametrize("name", MATRIX)
@pytest.mark.timeout(3600 if FULL else 120)
def test_a_kill_at_any_step_leaves_a_store_that_is_right_and_that_a_sweep_completes(
    name: str, kind: Kind, matrix: Matrix, table: list[Row]
) -> None:
    scene = SCENES[name]
    steps = matrix.steps(kind, scene)
    every = EVERY if FULL else -(-len(steps) // KILLS)
    offset = random.Random(f"{SEED} {name} {kind.name}").randrange(every)
    row = matrix.row(kind, scene, range(offset, len(steps), every), len(steps))
    table.append(row)
    numbered = [f"{number} {step}" for number, step in enumerate(steps)]
    assert not row.problems, "\n".join([f"seed {SEED}, {row}", *row.problems, "The steps are:", *numbered])


@pytest.mark.parametrize(("name", "step"), LEFT)
def test_what_a_kill_once_left_behind_is_there_no_more(name: str, step: str, scratch: Path, matrix: Matrix) -> None:
    kind, scene = SqliteAndFolder(scratch / "once"), SCENES[name]
    steps = matrix.steps(kind, scene)
    row = matrix.row(kind, scene, [steps.index(step)], len(steps))
    assert not row.problems, "\n".join(row.problems)


@pytest.mark.parametrize("broken", TOLD)
def test_the_matrix_tells_a_product_that_is_broken(broken: str, scratch: Path, matrix: Matrix) -> None:
    kind, (name, step) = SqliteAndFolder(scratch / broken.replace(" ", "-")), TOLD[broken]
    scene = SCENES[name]
    assert not matrix.row(kind, scene, [matrix.steps(kind, scene).index(step)], 1).problems
    steps = matrix.steps(kind, scene, broken)
    row = matrix.row(kind, scene, [steps.index(step)], len(steps), broken)
    print(f"\n{broken}: {row.problems}")
    assert row.problems


def test_every_break_is_tried() -> None:
    assert TOLD.keys() == BREAKS.keys()
