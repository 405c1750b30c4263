"""What a host's protections amount to, and whether a policy accepts it. Nothing here weakens anything silently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facegate.errors import ProtectionError
from facegate.policy import Policy
from facegate.protections import LEVELS, TABLE, Level, Protection


def level_of(found: Iterable[Protection]) -> Level:
    """The strongest level all of whose protections are achieved; a waived one is not achieved."""
    achieved = {each.name for each in found if each.state == "achieved"}
    reached: Level = "inline"
    for level in LEVELS[1:]:
        if not needed(level) <= achieved:
            break
        reached = level
    return reached


def needed(level: Level) -> frozenset[str]:
    """Names of the protections that a level cannot do without."""
    rank = LEVELS.index(level)
    return frozenset(
        name
        for name, meaning in TABLE.items()
        if meaning.needed_for is not None and LEVELS.index(meaning.needed_for) <= rank
    )


def hold_against(policy: Policy, found: Sequence[Protection]) -> list[Protection]:
    """Every protection of the table as it is, with the policy's waivers entered.

    Args:
        policy: its `level` must be reached, its `waivers` aside.
        found: what the host gave; a name that nobody reported counts as unavailable.

    Returns:
        One entry for each name of the table, in its order.

    Raises:
        ProtectionError: something that the policy's level needs is missing and not waived; the message names it, why
            it is missing, and the level that the host does reach.
    """
    by_name = {each.name: each for each in found}
    entries = [
        _waived(by_name.get(name) or Protection(name, "unavailable", "nothing on this host provides it"), policy)
        for name in TABLE
    ]
    wanted = needed(policy.level)
    missing = [each for each in entries if each.name in wanted and each.state == "unavailable"]
    if missing:
        why = "; ".join(f"{each.name} ({each.detail})" for each in missing)
        raise ProtectionError(
            f"This host does not reach the level {policy.level!r}, which the policy insists on, but "
            f"{level_of(entries)!r}: missing are {why}. 'facegate doctor' says how to get them."
        )
    return entries


def _waived(each: Protection, policy: Policy) -> Protection:
    if each.state != "unavailable":
        return each
    reason = policy.waivers.get(each.name)
    if reason is None and each.name in needed("sealed") - needed(policy.ceiling):
        reason = f"left out by the policy: its ceiling is {policy.ceiling}"
    if reason is None:
        return each
    return Protection(each.name, "waived", f"{reason} (missing: {each.detail})")
