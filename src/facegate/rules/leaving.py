"""Holds what is about to leave a request to the rules: to whom, what, for which purpose, and where."""

from __future__ import annotations

from collections.abc import Mapping

from facegate.categories import CATEGORIES, Category
from facegate.errors import SharingError
from facegate.rules.names import NAME, REGION
from facegate.rules.sharing import Partner


def allow(
    sharing: Mapping[str, Partner], purpose: str, partner: str, category: Category, region: str | None, request_id: str
) -> Partner:
    """The partner, if the policy lets something of that category leave for it.

    Args:
        sharing: the policy's partners, by name.
        purpose: of the request.
        partner: its name, as the caller gives it.
        category: of what is to leave.
        region: where it is to go, ISO 3166; None where the partner is in one region only.
        request_id: for errors.

    Raises:
        SharingError: it does not; the sentence has no word that is not the policy's own.
    """
    found = sharing.get(partner) if isinstance(partner, str) else None
    # A policy that was made in code may have any name, and this one goes onto a receipt.
    if found is None or NAME.fullmatch(partner) is None:
        raise SharingError("The policy names no such partner to share with.", request_id=request_id)
    if category not in CATEGORIES:
        raise SharingError(f"category must be one of {', '.join(CATEGORIES)}.", request_id=request_id)
    if category not in found.categories:
        raise SharingError(f"The policy shares no {category} with {partner}.", request_id=request_id)
    if purpose not in found.purposes:
        raise SharingError(f"The policy shares nothing with {partner} for this purpose.", request_id=request_id)
    _check_region(found, region, request_id)
    return found


def _check_region(partner: Partner, region: str | None, request_id: str) -> None:
    if region is None:
        if len(partner.regions) > 1:
            raise SharingError(f"The policy has {partner.name} in several regions: say which.", request_id=request_id)
        return
    if not isinstance(region, str) or REGION.fullmatch(region) is None:
        raise SharingError("region must be an ISO 3166 code, as DE or US-IL.", request_id=request_id)
    if not partner.is_in(region):
        raise SharingError(f"The policy does not have {partner.name} in that region.", request_id=request_id)
