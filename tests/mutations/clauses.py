"""Write the table of the policy's clauses: what holds each, in which file, and which tests notice its absence.

``python -m tests.mutations.clauses [--write docs/clauses.md]``. The clauses are in clauses.toml, each with the names of
the protections that hold it; what noticed their absence is what `make mutations` wrote into docs/protections.md.
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.mutations.mutation import load

ROOT = Path(__file__).parents[2]
HEADER = """# The policy's clauses, and what holds them

Each sentence of the privacy policy that facegate implements, the code that holds it, and the tests that failed when
that code was taken away ([protections](protections.md)). Written by `make mutations` from
`tests/mutations/clauses.toml`. It is no legal advice, and says nothing of what a service does outside of facegate.

"""


@dataclass(frozen=True, slots=True)
class Clause:
    """One sentence of the policy.

    Attributes:
        says: the sentence.
        protections: names in the table of mutations.
    """

    says: str
    protections: tuple[str, ...]


def clauses() -> list[Clause]:
    """All of them, in the policy's order."""
    text = Path(__file__).with_name("clauses.toml").read_text(encoding="utf-8")
    return [Clause(each["says"], tuple(each["protections"])) for each in tomllib.loads(text)["clause"]]


def noticed(page: Path) -> dict[str, str]:
    """What noticed the absence of each protection, by its name, as docs/protections.md has it."""
    lines = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return {cells[1].strip(): cells[3].strip() for cells in lines}


def page() -> str:
    """The page.

    Raises:
        KeyError: a clause names a protection that is none, or that was never taken away.
    """
    files = {each.name: each.file for each in load()}
    found = noticed(ROOT / "docs/protections.md")
    parts = [HEADER]
    for each in clauses():
        parts.append(f"## {each.says}\n\n| held by | in | tests that noticed its absence |\n|---|---|---|\n")
        parts += [f"| {name} | `{files[name]}` | {found[name]} |\n" for name in each.protections]
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def main() -> None:
    """Print it, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.write:
        options.write.write_text(page(), encoding="utf-8")
    else:
        print(page())


if __name__ == "__main__":
    main()
