"""What a media policy says, typed and immutable. `read` makes one of a file, `door` holds a request to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from facegate.rules.duration import show
from facegate.rules.keeping import ANSWER_WITHIN, Keeping

if TYPE_CHECKING:
    from facegate.rules.sharing import Partner

ConsentKind: TypeAlias = Literal["implied", "explicit"]
UnknownAge: TypeAlias = Literal["accept", "refuse"]

CONSENT_KINDS: Final = ("implied", "explicit")
UNKNOWN_AGES: Final = ("accept", "refuse")
# What consent to facial geometry is called, beside the names of purposes.
BIOMETRIC: Final = "biometric"
MOST_YEARS: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """One thing that media may be used for.

    Attributes:
        name: what `Gate.open_request` takes.
        says: the same for people, one sentence.
        geometry: whether facial geometry may be computed for it. Where it may not, faces are still found to cover them.
        consent: ``"implied"`` by asking for it, or ``"explicit"``: refused without a `Consent` that names the purpose.
    """

    name: str
    says: str
    geometry: bool
    consent: ConsentKind = "implied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """From which age on a person's media is taken, in whole years.

    Attributes:
        minimum: where no region says otherwise.
        regions: the local age, by ISO 3166 code of a country or of a part of one, which goes before its country.
        unknown: what becomes of a request that does not say the person's age.
        guardian_below: below this age a guardian must have consented; None asks for no guardian.
    """

    minimum: int
    regions: Mapping[str, int] = field(default_factory=dict, hash=False)
    unknown: UnknownAge = "accept"
    guardian_below: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "regions", MappingProxyType(dict(self.regions)))

    def least(self, region: str | None) -> int:
        """The least age in a region; the minimum where that is not known or not named."""
        if region is None:
            return self.minimum
        return self.regions.get(region, self.regions.get(region[:2], self.minimum))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A media policy, made by `facegate.rules.load`, which checks what it says; one made in code is not checked.

    Attributes:
        name: of the policy.
        version: a whole number, 1 or more; the publisher raises it with every change.
        effective: the day from which it holds.
        purposes: by name; a request is opened for one of them.
        biometric: the consent that facial geometry takes, whatever it is for: ``"explicit"`` refuses a request under a
            purpose with geometry unless a `Consent` names ``"biometric"``.
        ages: from which age on.
        retention: classes of what is kept, by name; without any, nothing is.
        answer_within: how soon people are answered who ask for what is theirs.
        regions: where the service is itself, ISO 3166; what is shared elsewhere crosses a border.
        sharing: whom something may be shared with, by name; nobody where it is empty.
    """

    name: str
    version: int
    effective: date
    purposes: Mapping[str, Purpose] = field(hash=False)
    biometric: ConsentKind
    ages: Ages
    retention: Mapping[str, Keeping] = field(default_factory=dict, hash=False)
    answer_within: timedelta = ANSWER_WITHIN
    regions: tuple[str, ...] = ()
    sharing: Mapping[str, Partner] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "purposes", MappingProxyType(dict(self.purposes)))
        object.__setattr__(self, "retention", MappingProxyType(dict(self.retention)))
        object.__setattr__(self, "sharing", MappingProxyType(dict(self.sharing)))

    def as_dict(self) -> dict[str, Any]:
        """All that it says, in the layout of the file."""
        ages: dict[str, Any] = {"minimum": self.ages.minimum, "unknown": self.ages.unknown}
        if self.ages.guardian_below is not None:
            ages["guardian-below"] = self.ages.guardian_below
        if self.ages.regions:
            ages["regions"] = dict(sorted(self.ages.regions.items()))
        policy: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "effective": self.effective.isoformat(),
        }
        if self.regions:
            policy["regions"] = sorted(self.regions)
        said = {
            "policy": policy,
            "purposes": {
                each.name: {"says": each.says, "geometry": each.geometry, "consent": each.consent}
                for each in sorted(self.purposes.values(), key=lambda each: each.name)
            },
            "consent": {BIOMETRIC: self.biometric},
            "ages": ages,
        }
        # What a policy does not say is not there: adding words to the language changes no policy's digest.
        if self.retention:
            said["retention"] = {name: each.as_dict() for name, each in sorted(self.retention.items())}
        if self.answer_within != ANSWER_WITHIN:
            said["rights"] = {"answer-within": show(self.answer_within)}
        if self.sharing:
            said["sharing"] = {name: each.as_dict() for name, each in sorted(self.sharing.items())}
        return said

    def digest(self) -> str:
        """SHA-256 of what it says, in canonical JSON, lower-case hex: comments and the order of tables do not count."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
