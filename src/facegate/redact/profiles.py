"""How much is looked at: the named settings of video redaction."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """What a `facegate.vision.follow.Follower` does. Counts of frames are those at 30 a second.

    Attributes:
        name: key in `PROFILES`.
        every: frames from one key frame, on which is looked for faces, to the next.
        scales: longer sides of the pictures that are looked at in tiles, pixels, the finest last. The whole frame in
            the size of one tile is looked at on every key frame.
        tiles: how many of these tiles each key frame shows, in turn; the first frame of a shot shows all of the finest.
        found: score from which on a box is a face for itself.
        linked: score from which on a box is one if a track leads to it.
        lookahead: frames that are held until what is to be covered in them is final.
        lead: frames that are covered before a face is first seen.
        tail: frames that are covered after a face was last seen.
        margin: growth of every box on each side, in parts of its side.
        enlarge: by how much at most a small video is enlarged to reach its scales: blurred faces of 24 px score twice
            as much at one and a half times their size.
    """

    name: str
    every: int
    scales: tuple[int, ...]
    tiles: int
    found: float
    linked: float
    lookahead: int
    lead: int
    tail: int
    margin: float
    enlarge: float = 1.0

    def at_rate(self, rate: float) -> int:
        """By how much counts of frames grow at that many frames a second: time, not frames, is what faces move in."""
        return max(1, round(rate / 30)) if rate > 0 else 1


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "fast",
            every=8,
            scales=(1280,),
            tiles=1,
            found=0.35,
            linked=0.2,
            lookahead=16,
            lead=8,
            tail=5,
            margin=0.15,
        ),
        Profile(
            "balanced",
            every=6,
            scales=(1280, 1920),
            tiles=2,
            found=0.3,
            linked=0.15,
            lookahead=18,
            lead=8,
            tail=6,
            margin=0.15,
        ),
        Profile(
            "thorough",
            every=2,
            scales=(1920, 3840),
            tiles=1000,
            found=0.2,
            linked=0.1,
            lookahead=20,
            lead=15,
            tail=9,
            margin=0.4,
            enlarge=1.5,
        ),
    )
}
