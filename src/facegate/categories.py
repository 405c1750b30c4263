"""What may be shared, by category: the words that a policy, a request and a receipt have in common."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Category: TypeAlias = Literal[
    "upload",  # what the person sent
    "output",  # what was generated
    "request-data",  # words and settings: a prompt, a size
]

CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
