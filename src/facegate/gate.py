"""The gate: one per worker, made once; it hands out requests and fails closed."""

from __future__ import annotations

import atexit
import itertools
import os
import re
import secrets
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from facegate.closing import closed_by
from facegate.custody import Custody, Ending, Purged
from facegate.deadlines import Deadlines
from facegate.errors import PolicyError, PurgeError, RequestClosedError, RequestReusedError
from facegate.hosting import Facts, Pool, start
from facegate.levels import hold_against, level_of
from facegate.logs import log
from facegate.metrics import Load, Metrics
from facegate.policy import Policy
from facegate.protections import Protection
from facegate.quiet import quiet
from facegate.receipt import Opened, Receipt, Signer, open_receipt
from facegate.reports import Reports
from facegate.request import Request
from facegate.rules import door
from facegate.rules.consent import Consent
from facegate.rules.door import Visitor
from facegate.rules.withdrawals import Withdrawals
from facegate.turn import Turn
from facegate.turns import Turns

if TYPE_CHECKING:
    # Not at run time: its file takes fcntl, which not every system has where the level inline works.
    from facegate.receipt.ledger import Ledger

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Gate:
    """Opens requests. Thread-safe; make one for each worker and close it, or use ``with``.

    Args:
        policy: what is allowed; the default's limits suit photos.
        signer: signs receipts; a key made for this gate by default.
        on_receipt: called with the OPEN receipt before a request begins and with the CLOSE receipt after its purge. If
            it raises on OPEN, the request does not begin.
        ledger: receipts are appended to it, before `on_receipt` is called and under the same rule; its key signs them
            unless a signer is given. Closing the gate writes a checkpoint; closing the ledger is its owner's.
        metrics: told what becomes of requests, in counts and times; a callable, or an object with a method ``record``,
            that takes a `facegate.metrics.Event`. What it raises hurts no request.

    Raises:
        ProtectionError: this host lacks a protection that the policy insists on.
        LockLimitError: so little memory may be locked that geometry could be swapped out.
        PolicyError: what the policy names to analyze with cannot be loaded, or is not what it says.
        SandboxSetupError: the zygote did not start with every protection.

    Does not protect against: root on the host, other code in the worker that copies what it is shown.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        signer: Signer | None = None,
        on_receipt: Callable[[Receipt], None] | None = None,
        ledger: Ledger | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.policy = policy or Policy()
        self.signer = signer or (Signer.generate() if ledger is None else ledger.signer)
        self.gate_id = secrets.token_hex(8)
        self._on_receipt = on_receipt
        self._ledger = ledger
        self._guard = threading.Lock()
        self._used: set[str] = set()
        self._open: dict[str, Custody] = {}
        self._people: dict[str, tuple[str, Request]] = {}  # whom open requests are about, by ID, where that was said
        self._withdrawals = Withdrawals()
        self._sequence = itertools.count(1)
        self._closed = False
        self._owner = os.getpid()
        self._deadlines = Deadlines()
        self._protections: list[Protection] = []
        self._reports = Reports(metrics, self.gate_id, lambda: self.load)
        self._turns = Turns(self.policy.max_open, self.policy.max_waiting, self.policy.max_wait, self._reports)
        self.pool = self._start()
        log("gate", "gate.opened", gate_id=self.gate_id, level=level_of(self._protections))
        # At interpreter exit requests may be open; the weak reference lets a forgotten gate go before that.
        atexit.register(_close_if_alive, weakref.ref(self))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @quiet
    def open_request(
        self,
        request_id: str,
        *,
        purpose: str,
        person: str | None = None,
        consent: Consent | None = None,
        age: int | None = None,
        region: str | None = None,
        ttl: float | None = None,
    ) -> Request:
        """A request, to be entered with ``with`` or ``async with``.

        Whatever of the person is said here is held against the policy's rules and kept in memory until the request is
        over; it is on no receipt, in no log and in no error.

        Args:
            request_id: 1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or digit; never used
                before with this gate. It is on the receipt, so it should say nothing about a person.
            purpose: one that the policy names.
            person: your pseudonymous ID of whom the request is about, in the form of a request ID; `withdraw` takes it.
            consent: what the person agreed to, where the policy wants that.
            age: of the person, whole years.
            region: where the person is, ISO 3166, as ``"DE"`` or ``"US-IL"``; it decides on the local age.
            ttl: longest life in seconds, at most the policy's; then the request is purged wherever it is.

        Raises:
            RequestReusedError: the ID was used before.
            PurposeError: the policy does not name the purpose.
            AgeError: the person is too young for the policy, or it wants to know the age.
            ConsentError: the policy wants a consent that is not there.
            ConsentWithdrawnError: the person has withdrawn, and has not consented again since.
            PolicyError: an ID, a region, an age or ttl is not allowed.
            RequestClosedError: the gate is closed.
        """
        _check_id("A request ID", request_id)
        if person is not None:
            _check_id("A person's ID", person)
        visitor = Visitor(consent=consent, age=age, region=region)
        allowed = door.admit(self.policy.rules, purpose, visitor, request_id)
        life = self.policy.ttl if ttl is None else ttl
        if not 0 < life <= self.policy.ttl:
            raise PolicyError(f"ttl must be over 0 and at most the policy's {self.policy.ttl:g} seconds.")
        with self._guard:
            self._check_open(request_id)
            if request_id in self._used:
                raise RequestReusedError("The request ID was used before.", request_id=request_id)
            self._withdrawals.check(person, consent, request_id)
            self._used.add(request_id)
        policy = self.policy
        begin, turn = partial(self._begin, life, person, consent), Turn(self._turns, request_id)
        partners = policy.rules.sharing
        return Request(request_id, allowed, policy.limits, policy.video, begin, turn, policy.recognizer, partners)

    @quiet
    def withdraw(self, person: str) -> int:
        """Purge every open request about a person, at once; later ones take a consent that was recorded later.

        Args:
            person: as `open_request` was told.

        Returns:
            How many requests were open; their receipts say ``"withdrawn"``.

        Raises:
            PurgeError: something was left of a request; all others were purged. A group, if it was of several.
            PolicyError: the ID is none.
            RequestClosedError: the gate is another process's, which this one was forked from.

        Does not protect against: another gate, in this process or elsewhere, which must be told, too; a restart, after
        which only your own record knows.
        """
        _check_id("A person's ID", person)
        if os.getpid() != self._owner:
            raise RequestClosedError("The gate is another process's, from which this one was forked: withdraw there.")
        with self._guard:
            self._withdrawals.note(person)
            open_ones = [request for whose, request in self._people.values() if whose == person]
            custodies = [self._open[each.request_id] for each in open_ones]
        for custody in custodies:
            custody.kill(Ending("withdrawn"))
        with ExitStack() as all_of_them:  # also when the receipt of one cannot be kept
            for custody in custodies:
                all_of_them.callback(custody.end, Ending("withdrawn"))
        failed = [each.purge_error for each in open_ones if each.purge_error is not None]
        if failed:
            raise failed[0] if len(failed) == 1 else ExceptionGroup("Purges failed.", failed)
        return len(open_ones)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def load(self) -> Load:
        """How busy the gate is now."""
        return Load(self._turns.taken, self._turns.waiting, self.pool.ready)

    @property
    def metrics_failures(self) -> int:
        """How often the metrics hook raised."""
        return self._reports.failures

    def close(self) -> None:
        """Refuse who waits, purge every open request, end the children and the zygote; idempotent."""
        if os.getpid() != self._owner:
            return  # a fork of the worker must not end its parent's zygote
        with self._guard:
            already, self._closed = self._closed, True
            open_ones = list(self._open.values())
        self._turns.close()
        for custody in open_ones:
            custody.end(Ending("cancelled"))
        if not already:
            self._deadlines.close()
            self.pool.close()
            if self._ledger is not None:
                self._ledger.checkpoint()
            log("gate", "gate.closed", gate_id=self.gate_id)

    def _check_open(self, request_id: str) -> None:
        if self._closed:
            raise RequestClosedError("The gate is closed.", request_id=request_id)

    def _begin(self, life: float, person: str | None, consent: Consent | None, request: Request) -> Custody:
        """Take a child for the request, whose turn it is, and sign its OPEN receipt."""
        try:
            child = self.pool.take()
        except BaseException:
            self._reports.refused(request.request_id, "failed", waited=request.turn.waited)
            raise
        alarm: list[int] = []
        custody = Custody(
            child, request.request_id, self.policy.operation_timeout, partial(self._ended, request, alarm)
        )
        try:
            self._reports.opened(request.request_id, request.turn.waited)
            self._check_open(request.request_id)
            request.receipt = open_receipt(self._opened(request), self.signer)
            self._keep(request.receipt)
            with self._guard:
                # A gate that was closed meanwhile has ended those that it knew of, and this one is not among them.
                self._check_open(request.request_id)
                self._withdrawals.check(person, consent, request.request_id)
                self._open[request.request_id] = custody
                if person is not None:
                    self._people[request.request_id] = person, request
        except BaseException as error:
            custody.end(Ending("exception", type(error).__name__))
            raise
        alarm.append(self._deadlines.add(life, partial(custody.end, Ending("expired"))))
        return custody

    def _start(self) -> Pool:
        """What children come from."""
        return start(self.policy, self._accept)

    def _accept(self, facts: Facts) -> None:
        """Hold what a new zygote is against the policy; from now on that is what receipts say."""
        self._protections, self._models = hold_against(self.policy, facts.protections), facts.models

    def _opened(self, request: Request) -> Opened:
        return Opened(
            request_id=request.request_id,
            purpose=request.purpose,
            gate_id=self.gate_id,
            sequence=next(self._sequence),
            opened_at=request.opened_at,
            policy_digest=self.policy.digest(),
            rules_digest=self.policy.rules.digest(),
            models=self._models,
            level=level_of(self._protections),
            protections=self._protections,
        )

    def _ended(self, request: Request, alarm: list[int], ending: Ending, purged: Purged) -> None:
        """Let the next request have its turn and sign the CLOSE receipt; the last step of every purge."""
        with self._guard:
            self._open.pop(request.request_id, None)
            self._people.pop(request.request_id, None)
        request.turn.give_back()
        for number in alarm:
            self._deadlines.cancel(number)
        seconds = time.monotonic() - request.opened_monotonic
        closed = closed_by(ending, purged, request.opened_at + timedelta(seconds=seconds))
        if closed.purge.residuals and self.policy.on_residual == "raise":
            request.purge_error = PurgeError(
                f"Purge read back bytes that were not zero in: {', '.join(closed.purge.residuals)}.",
                residuals=closed.purge.residuals,
                request_id=request.request_id,
            )
        try:
            if request.receipt is not None:
                request.receipt = request.receipt.close(closed, self.signer)
                self._keep(request.receipt)
        finally:
            self._reports.closed(
                request.request_id,
                closed.outcome,
                seconds_open=seconds - purged.seconds,
                seconds_purge=purged.seconds,
                declined=purged.declined,
                residuals=closed.purge.residuals,
            )

    def _keep(self, receipt: Receipt) -> None:
        try:
            if self._ledger is not None:
                self._ledger.append(receipt)
        finally:
            if self._on_receipt is not None:
                self._on_receipt(receipt)


def _check_id(what: str, value: object) -> None:
    if not isinstance(value, str) or REQUEST_ID.fullmatch(value) is None:
        raise PolicyError(f"{what} is 1 to 128 letters, digits, '.', '_' or '-', and begins with a letter or digit.")


def _close_if_alive(reference: weakref.ref[Gate]) -> None:
    gate = reference()
    if gate is not None:
        gate.close()
