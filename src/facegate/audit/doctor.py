"""What this host gives: every protection as it comes out, the level reached, and what would provide the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from facegate.audit.host import Finding, findings
from facegate.audit.remedies import REMEDIES
from facegate.errors import FacegateError, ProtectionError
from facegate.hosting import Facts, start
from facegate.levels import hold_against, level_of, needed
from facegate.memory.regions import LINUX
from facegate.policy import Policy
from facegate.protections import TABLE, Level, Protection

_NOT_TRIED: Final = "not tried, since no child could be started"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found.

    Attributes:
        wanted: the least level that the policy accepts.
        level: the level that this host reaches.
        protections: every one, in the order of the table.
        host: settings of the host around it.
        obstacle: why no child could be started, or None.
        opens: whether a gate opens at any level.
        models: SHA-256 of each network that would analyze, by name; none where nothing could be loaded.
    """

    wanted: Level
    level: Level
    protections: list[Protection]
    host: list[Finding]
    obstacle: str | None = None
    opens: bool = True
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether a gate with this policy would open here, as far as levels decide it."""
        missing = {each.name for each in self.protections if each.state == "unavailable"}
        return not missing & needed(self.wanted) and self.opens

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "wanted": self.wanted,
            "level": self.level,
            "reached": self.reached,
            "obstacle": self.obstacle,
            "protections": [
                asdict(each)
                | {
                    "needed_for": TABLE[each.name].needed_for,
                    "what": TABLE[each.name].what,
                    "remedy": remedy_for(each),
                }
                for each in self.protections
            ],
            "host": [asdict(each) for each in self.host],
            "models": dict(self.models),
        }


def remedy_for(protection: Protection) -> str:
    """What would provide it; empty where it is achieved."""
    return "" if protection.state == "achieved" else REMEDIES[protection.name]


def examine(policy: Policy) -> Diagnosis:
    """Start a zygote as a gate would, read back what it is, and end it.

    Args:
        policy: whose level, ceiling, waivers and engine count; nothing else of it does.
    """
    seen: list[Facts] = []
    inline = replace(
        Policy(level="inline", ceiling=policy.ceiling, waivers=policy.waivers, spares=policy.spares),
        engine=policy.engine,
        landmarker=policy.landmarker,
        detector=policy.detector,
    )
    obstacle = None
    opens = True
    try:
        try:
            # Insisting on a child, so that what keeps one from starting is told; inline stands in only then.
            child = inline if policy.ceiling == "inline" else replace(inline, level="process")
            start(child, seen.append).close()
        except ProtectionError as error:
            obstacle = error.reason
            start(inline, seen.append).close()
    except (FacegateError, OSError) as error:
        obstacle = str(error)
        opens = False
    found = list(seen[-1].protections) if seen else []
    if obstacle is not None:
        known = {each.name for each in found}
        found += [Protection(name, "unavailable", _NOT_TRIED) for name in TABLE if name not in known]
    entries = hold_against(inline, found)
    host, models = findings() if LINUX else [], seen[-1].models if seen else {}
    return Diagnosis(policy.level, level_of(entries), entries, host, obstacle, opens, models)
