"""`Rights`: what people may ask for about what is kept of them. The work is in the modules beside this one."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import IO

from facegate.retention import access, choosing, correcting, demands, exporting, objecting, restricting, withdrawing
from facegate.retention.access import Access
from facegate.retention.answers import Corrected, Erased, Exported, Noted, Setting
from facegate.retention.demands import Demand, Wish
from facegate.retention.parts import Parts
from facegate.rules.consent import Consent


class Rights:
    """What people may ask for about what is kept of them, as `RetentionStore.rights` gives it.

    Each right is one call, which is on the ledger when it returns, and has a signed receipt. Its wish has a number and
    a day by which it is answered, which the policy says. A call without ``demand`` receives the wish and answers it at
    once; those of `access`, `export`, `restrict` and `delete` answer the oldest of that person that waits, if one does.
    What fails halfway leaves its wish waiting.

    No receipt, entry of the ledger, error or repr names a person. ``person`` is the caller's pseudonym; ``who`` is a
    service or an account, which answers.

    Each of them raises `NotKeptError` where ``demand`` is no wish of that kind and person that waits,
    `StoreUnavailableError` where the database or the blobs cannot be reached, and `LedgerError` where the act could
    not be written down: then the wish waits on.

    Does not protect against: a caller that does not know who is asking. Whose wish it is, the service must see to.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def receive(self, wish: Wish, person: str, *, received_at: datetime | None = None) -> Demand:
        """Write down a wish that is fulfilled later, with its number and the day by which it is answered.

        Args:
            wish: what is asked for: the name of a right.
            person: who asks.
            received_at: when it came, with a time zone; now by default.

        Raises:
            RetentionError: there is no such right, or the time has not come yet.
        """
        return demands.receive(self._parts, wish, person, received_at=received_at)

    def waiting(self, *, person: str | None = None) -> list[Demand]:
        """Wishes that wait for an answer, of one person or of all: those that are overdue, then as they are due."""
        return demands.waiting(self._parts, person=person)

    def access(self, person: str, *, who: str, demand: str | None = None) -> Access:
        """Everything that is held on a person, without its content; of somebody unknown, nothing."""
        return access.access(self._parts, person, who=who, demand=demand)

    def correct(
        self, person: str, *, label: str | None, who: str, asset: str | None = None, demand: str | None = None
    ) -> Corrected:
        """Change what something of the person's is called.

        Args:
            person: whose it is.
            label: its new name; None for none.
            who: answers.
            asset: its ID; None for all that is kept of the person.
            demand: number of the wish.

        Raises:
            NotKeptError: nothing of that ID is kept of that person.
        """
        return correcting.correct(self._parts, person, label=label, who=who, asset=asset, demand=demand)

    def setting(
        self, person: str, kept_as: str, duration: timedelta | None, *, who: str, demand: str | None = None
    ) -> Setting:
        """Set how long the person wants a class to be kept. What is kept already goes sooner, never later, than before.

        Args:
            person: who wants it.
            kept_as: the class, one that the person decides about.
            duration: from when something was put; where the policy's is shorter, that holds. None: the policy's, for
                what is put from now on.
            who: answers.
            demand: number of a wish to correct.

        Raises:
            RetentionError: there is no such class, or the duration is negative.
            RestrictedError: the person does not decide about that class.
        """
        return choosing.setting(self._parts, person, kept_as, duration, who=who, demand=demand)

    def export(
        self, person: str, to: str | os.PathLike[str] | IO[bytes], *, who: str, demand: str | None = None
    ) -> Exported:
        """Hand out all that is kept of a person, in one ZIP, with what `access` says and checksums.

        What nobody can read any more is left out, and listed in ``manifest.json`` with the reason. What a hold keeps,
        and what is restricted, is in it.

        Args:
            person: whose it is.
            to: a path, where a file for its owner alone is once all of it is on the disk; or a binary file, which is
                written as it comes, need not be seekable, and stays open.
            who: answers.
            demand: number of the wish.

        Raises:
            OutputError: it could not be written, as where the disk is full. No half file is left, and the wish waits.

        Does not protect against: what becomes of the ZIP, which is not encrypted.
        """
        return exporting.export(self._parts, person, to, who=who, demand=demand)

    def restrict(self, person: str, *, who: str, demand: str | None = None) -> Noted:
        """From now on nothing that is kept of the person is read, for any purpose. It goes when its time is over."""
        return restricting.restrict(self._parts, person, who=who, demand=demand)

    def unrestrict(self, person: str, *, who: str) -> Noted:
        """What is kept of the person may be read again; the person was told before that."""
        return restricting.unrestrict(self._parts, person, who=who)

    def object(self, person: str, purpose: str, *, who: str, demand: str | None = None) -> Noted:
        """From now on nothing of the person is read or put for a purpose.

        Raises:
            PurposeError: the policy names no such purpose.
        """
        return objecting.object_to(self._parts, person, purpose, who=who, demand=demand)

    def consent_again(self, person: str, purpose: str, *, consent: Consent, who: str) -> Noted:
        """Take an objection or a withdrawal back, by a consent that was recorded after it.

        Raises:
            PurposeError: the policy names no such purpose.
            ConsentError: the consent is not to that purpose, or is older.
        """
        return objecting.consent_again(self._parts, person, purpose, consent=consent, who=who)

    def withdraw(self, person: str, purpose: str | None = None, *, who: str, demand: str | None = None) -> Erased:
        """Withdraw consent to a purpose: object to it, and delete what was put for it, as far as the person decides.

        `Gate.withdraw` ends requests that are open, this deals with what is kept: a service calls both.

        Args:
            person: who withdraws.
            purpose: None for all that the policy names; then all of the person's is deleted.
            who: answers.
            demand: number of the wish.

        Raises:
            PurposeError: the policy names no such purpose.
        """
        return withdrawing.withdraw(self._parts, person, purpose, who=who, demand=demand)

    def delete(self, person: str, *, who: str, demand: str | None = None) -> Erased:
        """Delete what is kept of a person, but for what the policy keeps whatever the person wishes.

        Where a hold keeps something, the wish waits until it is released and a sweep has deleted that. When nothing is
        left, the person is forgotten.
        """
        return withdrawing.delete(self._parts, person, who=who, demand=demand)
