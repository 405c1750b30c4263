"""What `Request.share` does: hold it to the policy, cover, write anew, count, and hand it to the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from facegate import stills, videos
from facegate.errors import SealedError, SharingError
from facegate.media import ImageUpload, Media, Output, PastedImage, RedactedImage, RedactedVideo, VideoUpload
from facegate.memory import aliases
from facegate.rules import leaving
from facegate.sharing import data
from facegate.targets import MemoryTarget
from facegate.wishes import Covering, covering, picture_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from facegate.categories import Category
    from facegate.custody import Custody
    from facegate.faces import Face
    from facegate.policy import VideoLimits
    from facegate.rules.sharing import Partner
    from facegate.sharing.originals import Originals

_SEALED: Final[Mapping[aliases.Finding, str]] = {
    "sealed": "The payload holds a sealed handle: facial data is never shared.",
    "open": "The payload shows memory of an open request: facial data is never shared.",
    "adopted": "The payload shows memory that was adopted: what is made of facial data is never shared.",
    "unknown": "The payload holds memory that does not say where it lies, so it is not shared.",
    "endless": "The payload refers to too much to be looked through, so it is not shared.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The arguments of `Request.share` that say in which form media is to leave; None is the usual."""

    keep: Face | None = None
    format: str | None = None
    quality: int | None = None
    profile: str | None = None

    def is_plain(self) -> bool:
        """Whether nothing was said."""
        return (self.keep, self.format, self.quality, self.profile) == (None,) * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The way out of one request.

    Attributes:
        request_id: for errors.
        purpose: of the request.
        partners: the policy's, by name.
        originals: uploads as they came.
        video_limits: of the policy.
        plans: numbers for the plans of videos.
        check_mine: raises unless a handle is of this request.
        kept: the index of a face that is to stay, which must be of the latest analysis of that upload.
    """

    request_id: str
    purpose: str
    partners: Mapping[str, Partner]
    originals: Originals
    video_limits: VideoLimits
    plans: Iterator[int]
    check_mine: Callable[[Media], None]
    kept: Callable[[Custody, Media, Face], int]

    def share(
        self, custody: Custody, name: str, payload: object, category: Category, region: str | None, wish: Wish
    ) -> Output | bytes:
        """What `Request.share` does."""
        partner = leaving.allow(self.partners, self.purpose, name, category, region, self.request_id)
        own = isinstance(payload, Media)
        if isinstance(payload, Media):
            self.check_mine(payload)
        elif (found := aliases.find(payload)) is not None:
            raise SealedError(_SEALED[found], request_id=self.request_id)
        if category == "request-data":
            if own or not wish.is_plain():
                self._refuse("request-data is words and settings; pictures and videos have categories of their own.")
            left: Output | bytes = data.to_json(payload, self.request_id)
        else:
            self._check_kind(payload, category)
            left = self._media(custody, partner, payload, wish)
        custody.note_shared(name, category, left.size if isinstance(left, Output) else len(left))
        return left

    def _check_kind(self, payload: object, category: str) -> None:
        if isinstance(payload, (RedactedImage, RedactedVideo)):
            self._refuse("share covers faces itself: hand over what was admitted or pasted, and say whom to keep.")
        if category == "upload" and not isinstance(payload, (ImageUpload, VideoUpload)):
            self._refuse("An upload that is shared is a picture or video that the request admitted.")
        if category == "output" and not isinstance(payload, (PastedImage, np.ndarray)):
            self._refuse("An output that is shared is what paste made, or pixels that were generated.")

    def _media(self, custody: Custody, partner: Partner, payload: Any, wish: Wish) -> Output:
        covers = partner.bystanders == "redacted"
        if wish.keep is not None and not (covers and isinstance(payload, Media)):
            self._refuse("keep is for pictures and videos of the request, and a partner whose bystanders are redacted.")
        if wish.keep is not None and not wish.keep.is_subject:
            self._refuse("Only the subject stays uncovered in what is shared: everyone else is a bystander.")
        if partner.metadata == "kept" and isinstance(payload, (ImageUpload, VideoUpload)):
            return self._as_it_came(custody, payload, wish)
        if isinstance(payload, VideoUpload):
            if not covers:
                self._refuse("A video leaves redacted, or as it came: not in between.")
            return self._video(custody, payload, wish)
        return self._picture(custody, payload, wish, covers=covers)

    def _as_it_came(self, custody: Custody, upload: ImageUpload | VideoUpload, wish: Wish) -> Output:
        if not wish.is_plain():
            self._refuse("To this partner an upload goes as it came: leave keep, format, quality and profile out.")
        with custody.working():
            return Output(self.originals.read(upload.upload_id, self.request_id), upload.format.lower())

    def _picture(self, custody: Custody, payload: Any, wish: Wish, *, covers: bool) -> Output:
        form = "png" if wish.format is None else wish.format
        command = picture_output(form, wish.quality)
        if wish.profile is not None:
            self._refuse("profile is for a video.")
        if covers:
            kept = None if wish.keep is None else self.kept(custody, payload, wish.keep)
            command["cover"] = {"keep": kept, "style": "solid", "shape": "ellipse", "margin": 0.25}
        with custody.working():
            return Output(stills.encode(custody, payload, command), form)

    def _video(self, custody: Custody, upload: VideoUpload, wish: Wish) -> Output:
        settings = videos.output_settings(wish.format, None, None, wish.quality)
        kept = None if wish.keep is None else self.kept(custody, upload, wish.keep)
        command = covering(upload, Covering(kept, "solid", "ellipse", None, wish.profile), self.plans)
        with custody.working():
            custody.call(command)
        target = MemoryTarget()
        start = {"do": "video.start", "upload": upload.upload_id, "plan": command["plan"]} | settings
        made = videos.write(custody, start, upload.facts, target, self.video_limits, None)
        return Output(target.keep(), settings["container"], size=made.size, frames=made.frames)

    def _refuse(self, sentence: str) -> None:
        raise SharingError(sentence, request_id=self.request_id)
