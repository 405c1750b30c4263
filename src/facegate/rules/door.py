"""Holds a request to the rules before any byte of its upload is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from facegate.errors import AgeError, ConsentError, PolicyError, PurposeError
from facegate.rules.consent import Consent
from facegate.rules.model import BIOMETRIC, MOST_YEARS, Purpose, Rules
from facegate.rules.names import REGION


class Said(TypedDict, total=False):
    """What `Gate.open_request` takes of a person, for those who hand it on."""

    person: str | None
    consent: Consent | None
    age: int | None
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Visitor:
    """Who a request is about, as far as the caller says; nothing of it is on a receipt, in a log or in an error.

    Attributes:
        consent: what the person agreed to.
        age: whole years.
        region: ISO 3166.
    """

    consent: Consent | None = None
    age: int | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if self.consent is not None and not isinstance(self.consent, Consent):
            raise PolicyError("consent must be a facegate.Consent.")
        if self.age is not None and (type(self.age) is not int or not 0 <= self.age <= MOST_YEARS):
            raise PolicyError(f"age must be a whole number of years from 0 to {MOST_YEARS}.")
        if self.region is not None and (not isinstance(self.region, str) or REGION.fullmatch(self.region) is None):
            raise PolicyError("region must be an ISO 3166 code, as DE or US-IL.")


def admit(rules: Rules, purpose: str, visitor: Visitor, request_id: str) -> Purpose:
    """The purpose, if the rules allow this request.

    Raises:
        PurposeError: they do not name the purpose.
        AgeError: the person is too young, or of an age that they want to know.
        ConsentError: there is no consent to something that they want one for.
    """
    found = rules.purposes.get(purpose)
    if found is None:
        known = ", ".join(sorted(rules.purposes))
        raise PurposeError(f"The purpose is none of the policy's: {known}.", request_id=request_id)
    _check_age(rules, visitor, request_id)
    _check_consent(rules, found, visitor, request_id)
    return found


def _check_age(rules: Rules, visitor: Visitor, request_id: str) -> None:
    if visitor.age is None:
        if rules.ages.unknown == "refuse":
            raise AgeError("The policy takes nobody whose age is not said.", request_id=request_id)
        return
    if visitor.age < rules.ages.least(visitor.region):
        raise AgeError("The person is younger than the policy allows.", request_id=request_id)
    guardian = rules.ages.guardian_below
    if guardian is not None and visitor.age < guardian and not (visitor.consent and visitor.consent.by_guardian):
        raise ConsentError("At this age the policy wants a guardian's consent.", request_id=request_id)


def _check_consent(rules: Rules, purpose: Purpose, visitor: Visitor, request_id: str) -> None:
    wanted = [purpose.name] if purpose.consent == "explicit" else []
    if purpose.geometry and rules.biometric == "explicit":
        wanted.append(BIOMETRIC)
    if wanted and (visitor.consent is None or not visitor.consent.covers(wanted)):
        raise ConsentError(f"The policy wants consent to: {', '.join(wanted)}.", request_id=request_id)
