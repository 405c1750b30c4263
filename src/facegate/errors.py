"""Every error that facegate raises, split by whose fault it is.

Messages are fixed sentences plus numbers of the policy: nothing about a face or a picture ever enters one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class FacegateError(Exception):
    """Base of all errors here; never raised itself.

    Attributes:
        reason: the sentence.
        request_id: the request that it happened in, if any.
    """

    def __init__(self, reason: str, *, request_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.request_id = request_id

    def __str__(self) -> str:
        return self.reason if self.request_id is None else f"{self.reason} [request {self.request_id}]"


class UploadError(FacegateError):
    """The upload cannot be taken: the sender's fault."""


class UnsupportedFormatError(UploadError):
    """The content is of no type that facegate reads."""


class LimitExceededError(UploadError):
    """The upload is over a limit of the policy."""


class DecodeError(UploadError):
    """The content claims a known type but does not decode."""


class TransferError(UploadError):
    """The upload did not arrive as it must."""


class StalledUploadError(TransferError, TimeoutError):
    """The sender was too slow."""


class MalformedUploadError(TransferError):
    """What the upload is wrapped in, a multipart form for one, breaks its own rules."""


class DisconnectedError(TransferError, ConnectionError):
    """The sender went away before it had its answer."""


class ShapeError(FacegateError, ValueError):
    """An array has another shape or dtype than it must have; the message has both."""


class AnalysisError(FacegateError):
    """Analysis cannot do what was asked. Finding no face is a result, not an error."""


class OutputError(FacegateError):
    """The output cannot be produced as asked."""


class GenerationError(FacegateError):
    """The worker's own code, a pipeline or what feeds it, raised while a request was open.

    What it raised is not linked: its message and its frames may hold what it worked on.

    Attributes:
        error: full name of what was raised.
        where: file and line of each call on the way there, outermost first.
    """

    def __init__(self, reason: str, *, error: str, where: Sequence[str] = (), request_id: str | None = None) -> None:
        super().__init__(reason, request_id=request_id)
        self.error = error
        self.where = tuple(where)


class SandboxError(FacegateError):
    """Something about the child process."""


class SandboxSetupError(SandboxError):
    """The zygote or a child could not be started with the protections it must have."""


class ViolationError(SandboxError):
    """The child tried what the kernel forbids it.

    Attributes:
        syscall: name of the call, if known.
    """

    def __init__(self, reason: str, *, syscall: str | None = None, request_id: str | None = None) -> None:
        super().__init__(reason, request_id=request_id)
        self.syscall = syscall


class SandboxTimeoutError(SandboxError, TimeoutError):
    """The child took longer than the policy allows, or the request outlived its time to live."""


class ChildCrashedError(SandboxError):
    """The child died; the message names how."""


class ProtocolError(SandboxError):
    """The child sent what the protocol does not allow; it was treated as hostile and killed."""


class ProtectionError(FacegateError):
    """A protection that the policy asks for is missing on this host."""


class LockLimitError(ProtectionError, OSError):
    """Memory could not be locked; the message has the limit and what raises it."""


class RequestClosedError(FacegateError):
    """The request, or the handle of one, is no longer open."""


class RequestReusedError(FacegateError):
    """The request ID was used before in the life of this gate."""


class PurgeError(FacegateError):
    """Purge could not show that everything is gone.

    Attributes:
        residuals: what was left, by name of the region; never its content.
    """

    def __init__(self, reason: str, *, residuals: Sequence[str] = (), request_id: str | None = None) -> None:
        super().__init__(reason, request_id=request_id)
        self.residuals = tuple(residuals)


class SealedError(FacegateError, TypeError):
    """Something facial was about to be copied, pickled or converted outside `expose`."""


class ReadOnlyError(FacegateError, ValueError):
    """What is exposed was about to be written to."""


class AdoptionError(FacegateError, TypeError):
    """The object cannot be handed over to be purged; the message says why."""


class PolicyError(FacegateError):
    """The policy is wrong, or forbids what was asked."""


class PolicyFileError(PolicyError):
    """A file of rules is none, or says something that it cannot mean; the message has the line."""


class PurposeError(PolicyError):
    """The purpose is not one that the policy names, or not one for what was asked."""


class AgeError(PolicyError):
    """The person is younger than the policy allows, or of an age that was not said and must be."""


class ConsentError(PolicyError):
    """The policy wants a consent that is not there."""


class ConsentWithdrawnError(ConsentError):
    """The person has withdrawn, and has not consented again since."""


class SharingError(PolicyError):
    """The policy does not let this leave, or not to that partner or place, or it is nothing that may be shared."""


class BusyError(PolicyError):
    """As many requests are open, and wait, as the policy allows, or one waited for as long as it may: try again later.

    Attributes:
        retry_after: whole seconds until another try would probably have its turn, as HTTP's header of that name.
    """

    def __init__(self, reason: str, *, retry_after: int, request_id: str | None = None) -> None:
        super().__init__(reason, request_id=request_id)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        # A task queue may hand it to another process; the class cannot be called without its seconds.
        return _busy, (self.reason, self.retry_after, self.request_id)


class ReceiptError(FacegateError):
    """Something about a receipt."""


class InvalidReceiptError(ReceiptError):
    """The receipt does not verify; the message says which check failed."""


class LedgerError(ReceiptError):
    """Nothing can be appended to the ledger; the message says why."""


class InvalidLedgerError(InvalidReceiptError):
    """The ledger does not verify; the message names the entry and the check that failed.

    Attributes:
        entry: number of the entry, from 0; None when it is about the log as a whole.
    """

    def __init__(self, reason: str, *, entry: int | None = None) -> None:
        super().__init__(reason if entry is None else f"Entry {entry}: {reason}")
        self.entry = entry

    def __reduce__(self) -> tuple[Any, ...]:
        # Checks may run in another process; calling the class with the whole sentence would number it twice.
        return InvalidLedgerError, (self.reason,), {"entry": self.entry}


class RetentionError(FacegateError):
    """Something about what is kept."""


class NotKeptError(RetentionError, LookupError):
    """Nothing by that ID is kept: it never was, was deleted, or its time is over."""


class NotForKeepingError(RetentionError, TypeError):
    """This may not be kept: it is no medium of a known type, or the policy has no place for it."""


class RestrictedError(RetentionError):
    """It is kept, but not for this use: the person restricted it or objected, or the policy names no such purpose."""


class HeldError(RetentionError):
    """A legal hold keeps it."""


class MasterKeyError(RetentionError):
    """The master key is missing, malformed, or another than the one that the store was written with."""


class LostKeyError(RetentionError):
    """The key of something that is kept is gone, so nobody can read it."""


class DamagedError(RetentionError):
    """What is kept was changed or cut off outside of the store."""


class StoreUnavailableError(RetentionError, OSError):
    """The database or the place of the blobs cannot be reached, or is full; what was not acknowledged is not kept."""


def _busy(reason: str, retry_after: int, request_id: str | None) -> BusyError:
    return BusyError(reason, retry_after=retry_after, request_id=request_id)
