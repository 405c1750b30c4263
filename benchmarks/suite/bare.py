"""The ceiling of whatever runs networks: the same networks on LiteRT, and nothing around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ai_edge_litert.interpreter import Interpreter

from benchmarks.suite.pairs import Side, timed


@contextmanager
def _recorded() -> Iterator[list[Interpreter]]:
    """The interpreters that are run within the block, in order, each as often as it runs."""
    seen: list[Interpreter] = []
    plain = Interpreter.invoke

    def invoke(self: Interpreter) -> None:
        seen.append(self)
        plain(self)

    Interpreter.invoke = invoke
    try:
        yield seen
    finally:
        Interpreter.invoke = plain


def same_networks(work: Callable[[], object]) -> Side:
    """Run the work once, see which networks it runs, and time those alone, with the inputs that it left in them.

    Whatever the work comes to run later, its ceiling follows: no list of networks has to be kept in step.

    Raises:
        RuntimeError: the work ran none.
    """
    work()  # sizes that are allocated at first use
    with _recorded() as networks:
        work()
    if not networks:
        raise RuntimeError("There is nothing to compare with: no network was run on LiteRT.")

    def run() -> None:
        for each in networks:
            each.invoke()

    calls = "one call" if len(networks) == 1 else f"the same {len(networks)} calls"
    return timed(f"bare LiteRT, {calls}", run)
