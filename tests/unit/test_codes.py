"""The table of refusals: complete, fixed, and the only text that a child's no can turn into."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import facegate
from facegate import errors
from facegate.codes import CODES, Refusal, to_error

SOURCE = Path(facegate.__file__).parent


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_becomes_its_error(code: str):
    """Class and sentence come out of the table, and the request is named."""
    kind, sentence = CODES[code]
    error = to_error(code, "req-1")
    assert type(error) is kind
    assert error.reason == sentence
    assert error.request_id == "req-1"
    assert issubclass(kind, errors.FacegateError)
    assert sentence.endswith(".")
    assert "{" not in sentence
    assert "%" not in sentence


@pytest.mark.parametrize("code", ["", "nope", "decode", "52.31 N 12.1 E", "\x00" * 500])
def test_an_unknown_code_is_a_breach_of_protocol_and_is_not_repeated(code: str):
    """A hostile child must not get text of its own into a message."""
    error = to_error(code)
    assert type(error) is errors.ProtocolError
    assert len(code) < 2 or code not in str(error)


def test_a_refusal_carries_its_code_alone():
    """Nothing else can ride along."""
    refusal = Refusal("decode.damaged")
    assert refusal.code == "decode.damaged"
    assert refusal.args == ("decode.damaged",)


def _raised() -> set[str]:
    """The codes that the sources name where they refuse, and where they pass a library's error on as a refusal."""
    used: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Refusal", "to_error"}:
                choice = node.args[0]
                leaves = [choice.body, choice.orelse] if isinstance(choice, ast.IfExp) else [choice]
                used |= {leaf.value for leaf in leaves if isinstance(leaf, ast.Constant)}
    return used


def test_every_code_that_the_source_raises_is_in_the_table():
    """A typo would reach the worker as a ProtocolError."""
    assert _raised() <= set(CODES)


def test_every_code_in_the_table_is_raised_somewhere():
    """A sentence for what cannot happen is a promise that nobody keeps."""
    assert set(CODES) <= _raised()


@pytest.mark.parametrize("code", [None, 7, 1.5, True, [], ["decode.damaged"], {"decode.damaged": 1}])
def test_a_code_that_is_no_text_is_a_breach_of_protocol(code: object):
    """It comes over the wire as whatever JSON can hold."""
    assert type(to_error(code)) is errors.ProtocolError


def test_the_table_loads_no_imaging_library():
    """The worker imports it."""
    program = "import sys, facegate.codes, facegate.sizes; print({'numpy', 'cv2', 'PIL'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
