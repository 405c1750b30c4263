"""The clip of a profile: the beginning of one whose faces are known."""

from __future__ import annotations

from pathlib import Path

from benchmarks.clips import first_frames
from benchmarks.suite.pairs import Profile
from fixtures.clips import clip


def clip_of(profile: Profile, folder: Path) -> tuple[Path, int]:
    """The clip, and how many frames it has.

    Args:
        profile: says which and how many.
        folder: where it is put.
    """
    path = folder / "clip.mp4"
    return path, first_frames(clip(profile.clip).path, profile.frames, path)
