"""Which face an option of ``facegate redact`` means."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import click

if TYPE_CHECKING:
    from facegate.faces import Face, FaceSet

Wish: TypeAlias = str | int | tuple[float, float]


def wish(keep: str) -> Wish:
    """What an option says.

    Raises:
        click.BadParameter: it says nothing that is understood.
    """
    if keep in {"largest", "none"}:
        return keep
    try:
        if "," in keep:
            x, y = keep.split(",")
            return float(x), float(y)
        return int(keep)
    except ValueError:
        raise click.BadParameter("must be largest, none, an index or X,Y.", param_hint="--keep") from None


def choose(faces: FaceSet, keep: Wish) -> Face | None:
    """The face that is meant; None if nobody is, or it is the largest of none.

    Raises:
        click.BadParameter: there is no such face.
    """
    if keep == "none" or (keep == "largest" and not len(faces)):
        return None
    if isinstance(keep, tuple):
        with faces.expose("boxes") as boxes:
            inside = [
                index for index, (x0, y0, x1, y1) in enumerate(boxes) if x0 <= keep[0] < x1 and y0 <= keep[1] < y1
            ]
        if not inside:
            raise click.BadParameter("there is no face at that point.", param_hint="--keep")
        return faces[inside[-1]]  # where boxes overlap, the smaller one lies in front more often than not
    index = 0 if keep == "largest" else int(keep)
    if not 0 <= index < len(faces):
        raise click.BadParameter("there is no face with that index.", param_hint="--keep")
    return faces[index]
