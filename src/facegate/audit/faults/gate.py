"""A gate whose children fail on command; all else is the gate that facegate ships."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from facegate.gate import Gate
from facegate.hosting import _secret_arenas
from facegate.policy import Policy
from facegate.receipt import Receipt
from facegate.sandbox.budget import Budget
from facegate.sandbox.host import Zygote
from facegate.sandbox.pool import SparePool


class FaultZygote(Zygote):
    """The zygote with every protection, and the workbench that fails."""

    program: ClassVar[tuple[str, ...]] = ("-m", "facegate.audit.faults.program")


class FaultPool(SparePool):
    """Its children."""

    kind: ClassVar[type[Zygote]] = FaultZygote


class FaultGate(Gate):
    """The gate.

    Args:
        policy: as `Gate`'s.
        cpu: processor time of a child, whole seconds; None for what the policy gives.
        on_receipt: as `Gate`'s.
    """

    def __init__(self, policy: Policy, *, cpu: int | None, on_receipt: Callable[[Receipt], None]) -> None:
        self._cpu = cpu
        super().__init__(policy, on_receipt=on_receipt)

    def _start(self) -> FaultPool:
        budget = Budget.of(self.policy)
        if self._cpu is not None:
            budget = replace(budget, cpu=self._cpu)
        return FaultPool(self.policy.spares, self._accept, budget, secret=_secret_arenas(self.policy))
