"""The plugin in a pytest of its own: real stacks' habits fail with file and line, a clean pipeline passes."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

PIPELINE = '''
import logging
import pickle
from pathlib import Path

import numpy as np

FACE_CACHE = {}
DEBUG_CROPS = []
SMALL = []
log = logging.getLogger("pipeline")


def serve(gate, request_id, photo, habit):
    with gate.open_request(request_id, purpose="generation") as request:
        upload = request.admit(photo)
        faces = request.analyze(upload)
        with faces.subject.expose("landmarks") as xyz, faces.subject.expose("embedding") as embedding:
            with faces.subject.expose("box") as box, upload.expose() as rgb:
                habit(photo=photo, xyz=xyz, embedding=embedding, box=box, rgb=rgb, request=request)
        return request.finish(request.redact(upload, keep=faces.subject), format="jpeg")


def clean(xyz, request, **_):
    centre = request.adopt(np.array(xyz.mean(axis=0)))
    log.info("aligned a face, step %d of %d", 2, 7)
    return float(centre.any())


def global_face_cache(photo, xyz, **_):
    FACE_CACHE[photo] = xyz / 512


def landmarks_beside_the_input(photo, xyz, **_):
    np.save(photo.with_suffix(".landmarks.npy"), xyz)


def embedding_in_a_pickler(photo, embedding, **_):
    """As torch.save does it, where there is no torch: with a Pickler of its own."""
    with photo.with_suffix(".pt").open("wb") as file:
        pickle.Pickler(file).dump({"embedding": embedding.copy()})


def embedding_in_torch_save(photo, embedding, **_):
    import torch

    torch.save({"embedding": torch.tensor(embedding)}, photo.with_suffix(".pt"))


def crop_in_a_debug_list(box, rgb, **_):
    left, top, right, bottom = box.astype(int)
    DEBUG_CROPS.append(rgb[top:bottom, left:right].copy())


def bgr_crop_in_a_debug_list(box, rgb, **_):
    left, top, right, bottom = box.astype(int)
    DEBUG_CROPS.append(np.ascontiguousarray(rgb[top:bottom, left:right, ::-1]))


def logged_box(box, **_):
    log.warning("face at %s", box.astype(int).tolist())


def logged_points(xyz, **_):
    log.warning("nose %.2f %.2f", xyz[1, 0], xyz[1, 1])


def printed(xyz, **_):
    print("left eye", xyz[33])


def points_in_a_list(xyz, **_):
    DEBUG_CROPS.append(xyz[:, :2].tolist())


def pickled_for_a_worker(xyz, **_):
    pickle.dumps(("job", {"points": xyz.copy()}))


def residue(xyz, **_):
    """Kept by nobody; the memory that it was in still has it."""
    copies = []
    for _ in range(200):
        copies.append(xyz.copy())
        SMALL.append(bytes(700))  # in between, as in any program, so that the heap does not shrink


def exception_kept(xyz, **_):
    points = xyz.copy()
    try:
        raise ValueError("bad pose")
    except ValueError as error:
        FACE_CACHE["error"] = error


def writes_its_output(photo, **_):
    photo.with_suffix(".png").write_bytes(b"the generated picture")
'''

# The order matters: what a habit leaves in memory would be told of a test after it that is clean. Habits are told of
# before residue is, and instead of it, so memory is not searched for theirs.
TEAM = """
import itertools
import pathlib

import pytest
import pipeline

sealed = pytest.mark.facegate_sealed
photo = pathlib.Path("photo.jpg").absolute()
numbers = itertools.count()


@pytest.fixture
def serve(facegate_gate):
    for kept in (pipeline.FACE_CACHE, pipeline.DEBUG_CROPS, pipeline.SMALL):
        kept.clear()
    return lambda habit: pipeline.serve(facegate_gate, f"sealed-{next(numbers)}", photo, getattr(pipeline, habit))


@sealed
def test_clean(serve):
    serve("clean")


@sealed(files=["*.png"])
def test_allowed_file(serve):
    serve("writes_its_output")


@sealed
def test_residue(serve):
    serve("residue")


@sealed(residue=False)
@pytest.mark.parametrize("habit", HABITS)
def test_habit(serve, habit):
    serve(habit)


@sealed(kept=["pipeline.DEBUG*"], residue=False)
def test_allowed_list(serve):
    serve("points_in_a_list")


@sealed(residue=False)
def test_residue_not_looked_for(serve):
    serve("residue")


@sealed(fiels=["*.png"])
def test_misspelt(serve):
    serve("clean")


@sealed("*.png")
def test_without_a_name(serve):
    serve("clean")


@sealed(files="*.png")
def test_no_list(serve):
    serve("clean")


@sealed
def test_without_a_request():
    pass


@sealed
def test_with_an_error_of_its_own():
    raise KeyError("mine")
"""


def line_of(text: str) -> int:
    return PIPELINE.strip()[: PIPELINE.strip().index(text)].count("\n") + 1


def projected(folder: Path, tests: str, photo: bytes) -> None:
    """A worker team's project."""
    (folder / "pipeline.py").write_text(PIPELINE.strip() + "\n", encoding="utf-8")
    (folder / "test_team.py").write_text(tests, encoding="utf-8")
    (folder / "photo.jpg").write_bytes(photo)
    ini = "[pytest]\npythonpath = .\naddopts = -p no:cacheprovider --strict-markers\n"
    (folder / "pytest.ini").write_text(ini, encoding="utf-8")


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-v", "-W", "error"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=250)


# What each habit is caught by: the line it is told at, and what is said there.
HABITS = [
    ("global_face_cache", "FACE_CACHE = {}", "pipeline.FACE_CACHE*keeps landmarks after the request*"),
    ("landmarks_beside_the_input", "np.save(", "file written: photo.landmarks.npy, which holds landmarks"),
    ("embedding_in_a_pickler", "pickle.Pickler(", "embedding pickled"),
    ("embedding_in_a_pickler", "with photo.with_suffix(", "file written: photo.pt, which holds embedding"),
    ("crop_in_a_debug_list", "DEBUG_CROPS = []", "pipeline.DEBUG_CROPS*keeps pixels of the picture*"),
    ("bgr_crop_in_a_debug_list", "DEBUG_CROPS = []", "pipeline.DEBUG_CROPS*keeps pixels of the picture*"),
    ("logged_box", 'log.warning("face at', "boxes logged"),
    ("logged_points", 'log.warning("nose', "landmarks logged"),
    ("printed", 'print("left eye', "landmarks printed"),
    ("points_in_a_list", "DEBUG_CROPS = []", "pipeline.DEBUG_CROPS*keeps landmarks after the request*"),
    ("pickled_for_a_worker", "pickle.dumps(", "landmarks pickled"),
    ("exception_kept", "FACE_CACHE = {}", "pipeline.FACE_CACHE*keeps landmarks (a variable of exception_kept)*"),
    ("writes_its_output", 'photo.with_suffix(".png")', "file written: photo.png"),
]


@dataclass(frozen=True)
class Session:
    """A pytest of the team's, all of whose tests are over.

    Attributes:
        results: "PASSED" or "FAILED", by test.
        told: what it says of those that failed, by test.
        end: its summary.
    """

    results: dict[str, str]
    told: dict[str, str]
    end: str


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, astronaut: bytes) -> Session:
    """One for all, since each takes a gate and the watchers' controls."""
    folder = tmp_path_factory.mktemp("team")
    habits = sorted({habit for habit, _, _ in HABITS})
    projected(folder, TEAM.replace("HABITS", repr(habits)), astronaut)
    done = run(folder).stdout
    results = dict(re.findall(r"^test_team.py::(\S+) (\w+)", done, flags=re.MULTILINE))
    failures = re.split(r"^=+ (?:FAILURES|facegate) =+$", done, flags=re.MULTILINE)[1]
    parts = re.split(r"^_+ (test_\S+) _+$", failures, flags=re.MULTILINE)
    return Session(results, dict(zip(parts[1::2], parts[2::2], strict=True)), done)


def test_a_clean_pipeline_passes(session: Session) -> None:
    assert session.results["test_clean"] == "PASSED", session.told["test_clean"]
    sealed = sum(name.startswith(("test_clean", "test_allowed", "test_residue", "test_habit", "test_without_a_request"))
                 for name in session.results)  # fmt: skip
    assert f"\n{sealed} sealed tests\n" in session.end


@pytest.mark.parametrize(("habit", "at", "says"), HABITS)
def test_a_habit_fails_with_file_and_line(session: Session, habit: str, at: str, says: str) -> None:
    assert session.results[f"test_habit[{habit}]"] == "FAILED"
    told = session.told[f"test_habit[{habit}]"]
    wanted = f"*pipeline.py:{line_of(at)}: {says}"
    assert any(fnmatch.fnmatchcase(line, wanted) for line in told.splitlines()), told


@pytest.mark.frameworks
def test_a_real_torch_save_fails_with_file_and_line(tmp_path: Path, astronaut: bytes) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    tests = TEAM[: TEAM.index("@sealed\n")] + '@sealed\ndef test_it(serve):\n    serve("embedding_in_torch_save")\n'
    projected(tmp_path, tests, astronaut)
    done = run(tmp_path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    wanted = f"*pipeline.py:{line_of('torch.save(')}: embedding pickled"
    assert fnmatch.filter(lines, wanted), done.stdout
    # torch writes its file in C++, which no line of Python opened.
    assert fnmatch.filter(lines, "*worker *: file written: photo.pt, which holds embedding"), done.stdout


def test_copies_that_were_let_go_are_residue(session: Session) -> None:
    assert session.results["test_residue"] == "FAILED"
    wanted = "*memory of the worker*residue after the request: landmarks as float32 in*"
    assert fnmatch.fnmatchcase(session.told["test_residue"], wanted)


def test_residue_is_not_looked_for_where_the_team_says_so(session: Session) -> None:
    assert session.results["test_residue_not_looked_for"] == "PASSED"


def test_what_is_allowed_is_no_leak(session: Session) -> None:
    assert session.results["test_allowed_file"] == "PASSED"
    assert session.results["test_allowed_list"] == "PASSED"


def test_a_test_without_a_request_fails(session: Session) -> None:
    assert session.results["test_without_a_request"] == "FAILED"
    assert "no request was opened" in session.told["test_without_a_request"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("test_misspelt", "facegate_sealed takes files, kept, residue, by name."),
        ("test_without_a_name", "facegate_sealed takes files, kept, residue, by name."),
        ("test_no_list", "facegate_sealed: files must be a list of patterns."),
    ],
)
def test_a_mistake_in_the_marker_is_said(session: Session, name: str, sentence: str) -> None:
    assert session.results[name] == "FAILED"
    assert sentence in session.told[name]


def test_an_error_of_the_test_itself_is_reported_as_such(session: Session) -> None:
    told = session.told["test_with_an_error_of_its_own"]
    assert "KeyError: 'mine'" in told
    assert "facegate:" not in told


def test_unused_it_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        textwrap.dedent(
            """
            import sys


            def test_other():
                assert "facegate.pytest_plugin" in sys.modules
                heavy = {"numpy", "cryptography", "facegate.gate", "facegate.audit.channels"}
                assert not heavy & set(sys.modules)
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:benchmark", "test_other.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
