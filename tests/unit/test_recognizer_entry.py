"""What a policy may say of a recognizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import facegate
from facegate.errors import PolicyError

RIGHT = "ab" * 32


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (("", RIGHT), {}, "path"),
        ((None, RIGHT), {}, "path"),
        (("m\0.onnx", RIGHT), {}, "path"),
        (("m" * 2000, RIGHT), {}, "path"),
        (("m.onnx", "ab"), {}, "sha256"),
        (("m.onnx", "zz" * 32), {}, "sha256"),
        (("m.onnx", None), {}, "sha256"),
        *(
            (("m.onnx", RIGHT), {name: value}, name)
            for name, values in {
                "size": (0, -112, 100, 113, 1120, 112.0, True, "112"),
                "template": ("ffhq", None),
                "colour": ("rgba", "RGB", None),
                "mean": (-1, 256, float("nan"), True, "127.5"),
                "std": (0, -1, float("inf"), float("nan"), None),
                "threshold": (1.01, -2, float("nan"), True, "0.4"),
                "output": ("", 7, "a\nb", "x" * 300),
                "runner": ("torch", None),
                "licence": ("", "  ", "a\nb", None, "x" * 300),
            }.items()
            for value in values
        ),
    ],
)
def test_an_entry_that_says_nonsense(arguments: tuple[Any, Any], options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PolicyError, match=rf"^Recognizer\.{sentence} must .*\.$"):
        facegate.Recognizer(*arguments, **options)


def test_an_entry_is_a_part_of_the_policy() -> None:
    entry = facegate.Recognizer("models/m.onnx", RIGHT.upper(), licence="Apache-2.0")
    assert (entry.sha256, Path(entry.path)) == (RIGHT, Path("models/m.onnx").absolute())
    with pytest.raises(AttributeError):
        entry.sha256 = "cd" * 32  # type: ignore[misc]
    with pytest.raises(PolicyError, match=r"Policy\.recognizer must be"):
        facegate.Policy(recognizer="m.onnx")  # type: ignore[arg-type]

    def digest(*arguments: Any, **options: Any) -> str:
        return facegate.Policy(recognizer=facegate.Recognizer(*arguments, **options)).digest()

    usual = digest("m.onnx", RIGHT)
    assert usual == digest("/elsewhere/m.onnx", RIGHT), "where a host has the file is no rule"
    different = [
        digest("m.onnx", "cd" * 32),
        *(
            digest("m.onnx", RIGHT, **options)
            for options in (
                {"size": 128},
                {"mean": 0},
                {"std": 128},
                {"colour": "bgr"},
                {"output": "fc1"},
                {"threshold": 0.4},
                {"runner": "onnxruntime"},
                {"licence": "MIT"},
            )
        ),
        facegate.Policy().digest(),
    ]
    assert len({usual, *different}) == 1 + len(different)
