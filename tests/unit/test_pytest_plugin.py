"""The plugin in a pytest of its own: real stacks' habits fail with file and line, a clean pipeline passes."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

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

TEST = """
import pytest
import pipeline


@pytest.mark.facegate_sealed({options})
def test_pipeline(facegate_gate, tmp_path):
    from pathlib import Path

    pipeline.serve(facegate_gate, "sealed-1", Path("photo.jpg").absolute(), pipeline.{habit})
"""


@pytest.fixture
def team(pytester: pytest.Pytester, astronaut: bytes) -> pytest.Pytester:
    """A worker team's project."""
    pytester.makepyfile(pipeline=PIPELINE)
    (pytester.path / "photo.jpg").write_bytes(astronaut)
    pytester.makeini("[pytest]\npythonpath = .\naddopts = -p no:cacheprovider --strict-markers\n")
    return pytester


def run(team: pytest.Pytester, habit: str, options: str = "") -> pytest.RunResult:
    team.makepyfile(test_team=TEST.format(habit=habit, options=options))
    return team.runpytest_subprocess("-W", "error", timeout=120)


def line_of(text: str) -> int:
    return PIPELINE.strip()[: PIPELINE.strip().index(text)].count("\n") + 1


def test_a_clean_pipeline_passes(team: pytest.Pytester) -> None:
    result = run(team, "clean")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 sealed tests"])


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
# One session for all of them, since each takes a gate and a search of memory; what one keeps the next lets go of.
ALL = """
import pathlib

import pytest
import pipeline


@pytest.mark.facegate_sealed
@pytest.mark.parametrize("habit", {habits})
def test_pipeline(facegate_gate, habit):
    for kept in (pipeline.FACE_CACHE, pipeline.DEBUG_CROPS, pipeline.SMALL):
        kept.clear()
    pipeline.serve(facegate_gate, f"sealed-{{habit}}", pathlib.Path("photo.jpg").absolute(), getattr(pipeline, habit))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, astronaut: bytes) -> dict[str, str]:
    """What a session with every habit says of each of them, by habit."""
    folder = tmp_path_factory.mktemp("team")
    habits = sorted({habit for habit, _, _ in HABITS})
    (folder / "pipeline.py").write_text(PIPELINE.strip() + "\n", encoding="utf-8")
    (folder / "test_team.py").write_text(ALL.format(habits=habits), encoding="utf-8")
    (folder / "photo.jpg").write_bytes(astronaut)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\naddopts = -p no:cacheprovider\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-W", "error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=200)
    assert f"{len(habits)} failed" in done.stdout.splitlines()[-1], done.stdout
    parts = re.split(r"^_+ test_pipeline\[(\w+)\] _+$", done.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize(("habit", "at", "says"), HABITS)
def test_a_habit_fails_with_file_and_line(told: dict[str, str], habit: str, at: str, says: str) -> None:
    wanted = f"*pipeline.py:{line_of(at)}: {says}"
    assert any(fnmatch.fnmatchcase(line, wanted) for line in told[habit].splitlines()), told[habit]


@pytest.mark.frameworks
def test_a_real_torch_save_fails_with_file_and_line(team: pytest.Pytester) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    result = run(team, "embedding_in_torch_save")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*pipeline.py:{line_of('torch.save(')}: embedding pickled"])
    # torch writes its file in C++, which no line of Python opened.
    result.stdout.fnmatch_lines(["*worker *: file written: photo.pt, which holds embedding"])


def test_copies_that_were_let_go_are_residue(team: pytest.Pytester) -> None:
    result = run(team, "residue")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*memory of the worker*residue after the request: landmarks as float32 in*"])


def test_residue_is_not_looked_for_where_the_team_says_so(team: pytest.Pytester) -> None:
    run(team, "residue", "residue=False").assert_outcomes(passed=1)


def test_what_is_allowed_is_no_leak(team: pytest.Pytester) -> None:
    run(team, "writes_its_output", "files=['*.png']").assert_outcomes(passed=1)
    run(team, "points_in_a_list", "kept=['pipeline.DEBUG*'], residue=False").assert_outcomes(passed=1)


def test_a_test_without_a_request_fails(team: pytest.Pytester) -> None:
    team.makepyfile(test_team="import pytest\n\n\n@pytest.mark.facegate_sealed\ndef test_nothing():\n    pass\n")
    result = team.runpytest_subprocess(timeout=120)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no request was opened*"])


@pytest.mark.parametrize("options", ["fiels=['*.png']", "'*.png'", "files='*.png'"])
def test_a_mistake_in_the_marker_is_said(team: pytest.Pytester, options: str) -> None:
    result = run(team, "clean", options)
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*facegate_sealed*"])


def test_an_error_of_the_test_itself_is_reported_as_such(team: pytest.Pytester) -> None:
    team.makepyfile(
        test_team="import pytest\n\n\n@pytest.mark.facegate_sealed\ndef test_it():\n    raise KeyError('mine')\n"
    )
    result = team.runpytest_subprocess(timeout=120)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*KeyError: 'mine'"])


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
