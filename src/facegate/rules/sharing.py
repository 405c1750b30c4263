"""With whom media may be shared: the tables ``[sharing.<partner>]`` of a policy file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

from facegate.categories import CATEGORIES, Category
from facegate.rules.names import NAME, REGION
from facegate.rules.table import Table

Bystanders: TypeAlias = Literal["redacted", "kept"]
Metadata: TypeAlias = Literal["stripped", "kept"]

# The strict one first: it holds where the file says nothing.
BYSTANDERS: Final = ("redacted", "kept")
METADATA: Final = ("stripped", "kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """One partner or provider that may be handed something.

    Attributes:
        name: what `Request.share` takes.
        says: why this one needs it, one sentence.
        categories: of what it may be handed.
        purposes: for which of the policy's purposes.
        regions: where it is, ISO 3166.
        safeguard: what protects what crosses a border, one line; None where nothing crosses one.
        bystanders: whether everyone but the subject is covered in what it is handed.
        metadata: whether an upload leaves encoded anew, without metadata, or as it came.
    """

    name: str
    says: str
    categories: tuple[Category, ...]
    purposes: tuple[str, ...]
    regions: tuple[str, ...]
    safeguard: str | None = None
    bystanders: Bystanders = "redacted"
    metadata: Metadata = "stripped"

    def as_dict(self) -> dict[str, Any]:
        """The table, but for its name; the order of what it lists means nothing, so that is sorted."""
        said: dict[str, Any] = {
            "says": self.says,
            "categories": sorted(self.categories),
            "purposes": sorted(self.purposes),
            "regions": sorted(self.regions),
        }
        if self.safeguard is not None:
            said["safeguard"] = self.safeguard
        return said | {"bystanders": self.bystanders, "metadata": self.metadata}

    def wants_original(self, purpose: str) -> bool:
        """Whether it may be handed an upload as it came, for that purpose."""
        return self.metadata == "kept" and "upload" in self.categories and purpose in self.purposes

    def is_in(self, region: str) -> bool:
        """Whether a destination is where the partner is: one of its regions, or a part of one."""
        return within(region, self.regions)


def within(region: str, regions: Collection[str]) -> bool:
    """Whether a region is one of these, or a part of a country among them."""
    return region in regions or region[:2] in regions


def read_home(policy: Table) -> tuple[str, ...]:
    """The ``regions`` of the table ``[policy]``: where the service is itself; empty where it does not say."""
    return _regions(policy) if policy.has("regions") else ()


def read_sharing(sharing: Table, purposes: Collection[str], home: Collection[str]) -> dict[str, Partner]:
    """The tables below ``[sharing]``, by name; none where nothing may be shared with anybody.

    Args:
        sharing: that table.
        purposes: names of the policy's.
        home: as `read_home` gives it. Whatever is not known to be at home is abroad.

    Raises:
        PolicyFileError: one of them says something that it cannot mean.
    """
    return {name: _partner(name, table, purposes, home) for name, table in sharing.tables()}


def _partner(name: str, table: Table, purposes: Collection[str], home: Collection[str]) -> Partner:
    if NAME.fullmatch(name) is None:
        table.fail("", "must be named by small letters, digits and hyphens.")
    partner = Partner(
        name=name,
        says=table.text("says"),
        categories=cast("tuple[Category, ...]", table.words("categories", CATEGORIES)),
        purposes=_purposes(table, purposes),
        regions=_regions(table),
        safeguard=table.text("safeguard") if table.has("safeguard") else None,
        bystanders=cast("Bystanders", table.word("bystanders", BYSTANDERS, default=BYSTANDERS[0])),
        metadata=cast("Metadata", table.word("metadata", METADATA, default=METADATA[0])),
    )
    table.done()
    abroad = [each for each in partner.regions if not within(each, home)]
    if abroad and partner.safeguard is None:
        where = f"{abroad[0]} is outside of the policy's own regions" if home else "policy.regions names none as home"
        table.fail("safeguard", f"must say what protects what crosses a border: {where}.")
    if partner.metadata == "kept" and partner.bystanders == "redacted":
        table.fail("metadata", "cannot be kept where bystanders are redacted: that makes a new file, without any.")
    return partner


def _purposes(table: Table, known: Collection[str]) -> tuple[str, ...]:
    found = table.texts("purposes")
    for each in found:
        if each not in known:
            table.fail("purposes", f"names {each}, which is none of the policy's purposes.")
    return found


def _regions(table: Table) -> tuple[str, ...]:
    found: Sequence[str] = table.texts("regions")
    for each in found:
        if REGION.fullmatch(each) is None:
            table.fail("regions", f"has {each}, which is no region: ISO 3166 has codes as DE or US-IL.")
    return tuple(found)
