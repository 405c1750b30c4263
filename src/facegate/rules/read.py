"""From a TOML file to `Rules`; the policies that facegate ships."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, cast

from facegate.errors import PolicyFileError
from facegate.rules.keeping import read_answer_within, read_keeping
from facegate.rules.lines import lines_of
from facegate.rules.model import (
    BIOMETRIC,
    CONSENT_KINDS,
    MOST_YEARS,
    UNKNOWN_AGES,
    Ages,
    ConsentKind,
    Purpose,
    Rules,
    UnknownAge,
)
from facegate.rules.names import NAME, REGION
from facegate.rules.sharing import read_home, read_sharing
from facegate.rules.table import File, Table

# Names that `load` takes besides paths. What each is for stands at its beginning.
SHIPPED: Final = ("default", "explicit-consent", "guardian")
# No policy of words is larger; a wrong file is refused before it is parsed.
_MOST_BYTES: Final = 1 << 20


def load(source: str | os.PathLike[str]) -> Rules:
    """A media policy.

    Args:
        source: path of a TOML file, or one of `SHIPPED`.

    Raises:
        PolicyFileError: it is no TOML, or says something that it cannot mean; the sentence has the line.
        OSError: it cannot be read.
    """
    if source in SHIPPED:
        return shipped(str(source))
    path = Path(source)
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise PolicyFileError(f"{path.name} is larger than {_MOST_BYTES} bytes: that is no policy.")
    return parse(data, path.name)


@cache
def shipped(name: str = "default") -> Rules:
    """A policy that facegate ships, by name."""
    file = resources.files("facegate.rules").joinpath("shipped", f"{name}.toml")
    return parse(file.read_bytes(), f"{name}.toml")


def parse(data: bytes, name: str) -> Rules:
    """A policy out of the bytes of a TOML file.

    Args:
        data: of the file.
        name: of the file, for the sentences.

    Raises:
        PolicyFileError: as `load`.
    """
    try:
        text = data.decode("utf-8")
        content = tomllib.loads(text)
    except UnicodeDecodeError:
        raise PolicyFileError(f"{name} is no TOML: it is not UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyFileError(f"{name} is no TOML: {error}.") from None
    return _rules(Table(content, (), File(name, lines_of(text))))


def _rules(whole: Table) -> Rules:
    policy = whole.table("policy")
    purposes = {name: _purpose(name, each) for name, each in whole.table("purposes").tables()}
    if not purposes:
        whole.fail("purposes", "must name at least one purpose, as [purposes.generation].")
    consent = whole.table("consent")
    biometric = cast("ConsentKind", consent.word(BIOMETRIC, CONSENT_KINDS, default="implied"))
    consent.done()
    if biometric == "explicit" and not any(each.geometry for each in purposes.values()):
        consent.fail(BIOMETRIC, "asks for consent to facial geometry, which no purpose allows.")
    home = read_home(policy)
    rules = Rules(
        name=policy.text("name"),
        version=policy.whole("version", 1, 1 << 31),
        effective=policy.day("effective"),
        purposes=purposes,
        biometric=biometric,
        ages=_ages(whole.table("ages")),
        retention=read_keeping(whole, purposes),
        answer_within=read_answer_within(whole),
        regions=home,
        sharing=read_sharing(whole.table("sharing"), purposes, home),
    )
    policy.done()
    whole.done()
    return rules


def _purpose(name: str, table: Table) -> Purpose:
    if NAME.fullmatch(name) is None or name == BIOMETRIC:
        table.fail("", "must be named by small letters, digits and hyphens, and not 'biometric'.")
    purpose = Purpose(
        name=name,
        says=table.text("says"),
        geometry=table.flag("geometry"),
        consent=cast("ConsentKind", table.word("consent", CONSENT_KINDS, default="implied")),
    )
    table.done()
    return purpose


def _ages(table: Table) -> Ages:
    minimum = table.whole("minimum", 0, MOST_YEARS)
    guardian = table.optional_whole("guardian-below", 1, MOST_YEARS)
    by_region = table.table("regions")
    regions: dict[str, int] = {}
    for code in by_region.keys:
        if REGION.fullmatch(code) is None:
            by_region.fail(code, "is no region: ISO 3166 has codes as DE or US-IL.")
        regions[code] = by_region.whole(code, 0, MOST_YEARS)
    unknown = cast("UnknownAge", table.word("unknown", UNKNOWN_AGES, default="accept"))
    if guardian is not None and guardian <= min([minimum, *regions.values()]):
        table.fail("guardian-below", "asks a guardian for ages that are refused everywhere.")
    if guardian is not None and unknown == "accept":
        table.fail("guardian-below", "asks a guardian by age, so ages must be known: set unknown to 'refuse'.")
    table.done()
    return Ages(minimum=minimum, regions=regions, unknown=unknown, guardian_below=guardian)
