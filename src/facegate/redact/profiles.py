"""How much is looked at: the named settings of video redaction."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """What a `facegate.vision.follow.Follower` does. Counts of frames are those at 30 a second.

    Attributes:
        name: key in `PROFILES`.
        every: frames from one key frame, on which is looked for faces, to the next.
        side: longer side of the largest picture that BlazeFace looks at whole, pixels; then at its half, and so on.
        strong_side: longer side of the picture that CenterFace looks at, pixels.
        strips: parts of that picture; each key frame shows CenterFace one of them, the first of a shot all of them.
        found: score of BlazeFace from which on a box is a face for itself.
        linked: score of BlazeFace from which on a box is one if a track leads to it.
        strong_found: as `found`, of CenterFace.
        strong_linked: as `linked`, of CenterFace.
        lookahead: frames that are held until what is to be covered in them is final.
        lead: frames that are covered before a face is first seen.
        tail: frames that are covered after a face was last seen.
        margin: growth of every box on each side, in parts of its side.
    """

    name: str
    every: int
    side: int
    strong_side: int
    strips: int
    found: float
    linked: float
    strong_found: float
    strong_linked: float
    lookahead: int
    lead: int
    tail: int
    margin: float

    def at_rate(self, rate: float) -> int:
        """By how much counts of frames grow at that many frames a second: time, not frames, is what faces move in."""
        return max(1, round(rate / 30)) if rate > 0 else 1


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "fast",
            every=6,
            side=960,
            strong_side=960,
            strips=4,
            found=0.6,
            linked=0.35,
            strong_found=0.5,
            strong_linked=0.2,
            lookahead=18,
            lead=6,
            tail=6,
            margin=0.15,
        ),
        Profile(
            "balanced",
            every=5,
            side=960,
            strong_side=1920,
            strips=6,
            found=0.6,
            linked=0.3,
            strong_found=0.4,
            strong_linked=0.2,
            lookahead=20,
            lead=10,
            tail=8,
            margin=0.15,
        ),
        Profile(
            "thorough",
            every=3,
            side=1920,
            strong_side=3840,
            strips=1,
            found=0.5,
            linked=0.25,
            strong_found=0.3,
            strong_linked=0.15,
            lookahead=21,
            lead=15,
            tail=12,
            margin=0.2,
        ),
    )
}
