"""Take every protection away once, in a copy of the sources, and see which tests notice.

``python -m tests.mutations.run [--write docs/protections.md] [NAME...]``. Exit code 1 if a protection can go unnoticed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

from tests.mutations.mutation import Mutation, load

ROOT = Path(__file__).parents[2]
HEADER = """# Protections and the tests that notice their absence

Written by `make mutations`, which takes each protection away in a copy of the sources, runs the tests that should
notice, and fails if none does. A protection that nobody would miss is a claim; these are checked.

| protection | taken away in | tests that noticed |
|---|---|---|
"""


def main() -> int:
    """Run the mutations that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="mutations to run; all by default")
    parser.add_argument("--write", type=Path, help="where to put the table")
    options = parser.parse_args()
    chosen = [each for each in load() if not options.names or each.name in options.names]
    unnoticed = []
    rows: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="facegate-mutations-") as scratch:
        tree, python = _workplace(Path(scratch))
        if failed := _failed(tree, python, sorted({test for each in chosen for test in each.tests})):
            print("red before anything was taken away:", *failed, sep="\n  ")
            return 1
        for mutation in chosen:
            noticed = _notice(mutation, tree, python)
            print(f"{mutation.name}: {len(noticed)} noticed" if noticed else f"{mutation.name}: UNNOTICED", flush=True)
            if not noticed:
                unnoticed.append(mutation.name)
                continue
            rows[mutation.name] = (
                f"| {mutation.name} | `{mutation.file}` | {'<br>'.join(f'`{each}`' for each in noticed)} |"
            )
    print(f"{len(chosen)} protections taken away one at a time, {len(unnoticed)} unnoticed")
    if options.write:
        # What was noticed is written all the same: it took long to find out. A row that is missing fails a test.
        rows = {name: row for name, row in _written(options.write).items() if name not in unnoticed} | rows
        known = [rows[each.name] for each in load() if each.name in rows]
        options.write.write_text(HEADER + "\n".join(known) + "\n", encoding="utf-8")
    return 1 if unnoticed else 0


def _written(page: Path) -> dict[str, str]:
    """The rows that are there already, by name: those of mutations that were not named stay as they are."""
    if not page.exists():
        return {}
    lines = page.read_text(encoding="utf-8").splitlines()
    return {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}


def _workplace(scratch: Path) -> tuple[Path, Path]:
    """A copy of the repository, and an interpreter that finds its sources before the installed ones."""
    tree = scratch / "tree"
    keep = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", "demo-out", "build", "dist")
    shutil.copytree(ROOT, tree, ignore=keep)
    weights = Path("src/facegate/vision/weights")
    if not (tree / weights).exists():
        # Installed from a wheel, as `make` does it, the weights are beside the installed package only.
        import facegate

        shutil.copytree(Path(facegate.__file__).parent / "vision/weights", tree / weights)
    # Not an environment variable: the zygote keeps none.
    venv.create(scratch / "venv", symlinks=True)
    (library,) = (scratch / "venv").glob("lib/python*/site-packages")
    (library / "sources.pth").write_text(f"{tree / 'src'}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return tree, scratch / "venv/bin/python"


def _notice(mutation: Mutation, tree: Path, python: Path) -> list[str]:
    path = tree / "src/facegate" / mutation.file
    before = path.read_bytes()
    mutation.apply(tree / "src")
    try:
        return _failed(tree, python, list(mutation.tests))
    finally:
        path.write_bytes(before)


def _failed(tree: Path, python: Path, tests: list[str]) -> list[str]:
    """Names of the tests that fail; functions, without parameters."""
    command = [str(python), "-m", "pytest", "-q", "-rfE", "--timeout=60", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "400"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode not in {0, 1, 2, 3}:
        # E.g. a test that took the interpreter with it, which is also a way to notice; or one that does not exist.
        if done.returncode in {4, 5}:
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        return [f"(the tests ended with {done.returncode})"]
    found = re.findall(r"^(?:FAILED|ERROR) (\S+?)(?:\[.*)?(?: - .*)?$", done.stdout, re.MULTILINE)
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    sys.exit(main())
