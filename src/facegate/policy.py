"""What a gate allows: rules for media, limits on media, lifetimes, the protection that it insists on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

from facegate.engine import Engine
from facegate.errors import PolicyError
from facegate.protections import LEVELS, TABLE, Level
from facegate.recognizer import Recognizer
from facegate.rules.model import Rules
from facegate.rules.read import shipped
from facegate.showable import is_showable

MIB = 1 << 20
ENGINES = ("facegate", "mediapipe")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """Bounds on one upload, checked before any pixel is decoded.

    Attributes:
        bytes: size of the encoded upload.
        pixels: width times height.
        side: longer side, pixels.
        aspect: longer side over shorter side.
    """

    bytes: int = 64 * MIB
    pixels: int = 64_000_000
    side: int = 16_384
    aspect: float = 32.0

    def __post_init__(self) -> None:
        _positive("limits", **self.as_dict())

    def as_dict(self) -> dict[str, float]:
        """The limits by name, as the child gets them."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLimits:
    """Bounds on one video: held against its header before a frame is decoded, and again while it is decoded.

    Attributes:
        bytes: size of the encoded upload, and of what is made of it.
        duration: seconds.
        frames: of the track that is redacted.
        pixels: width times height of one frame.
        side: longer side, pixels.
        rate: frames per second.
        bit_rate: bits per second.
        tracks: of any kind.
    """

    bytes: int = 4096 * MIB
    duration: float = 600.0
    frames: int = 36_000
    pixels: int = 9_500_000
    side: int = 4_096
    rate: float = 240.0
    bit_rate: float = 400e6
    tracks: int = 32

    def __post_init__(self) -> None:
        _positive("video", **self.as_dict())

    def as_dict(self) -> dict[str, float]:
        """The limits by name, as the child gets them."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one gate; immutable, and identified on every receipt by `digest`.

    Attributes:
        rules: what media may be used for, with whose consent and from which age on; `facegate.rules.load` reads others.
        limits: bounds on pictures.
        video: bounds on videos.
        ttl: longest life of a request, seconds; it is purged when that is over.
        operation_timeout: longest time that the child may take over one command, seconds.
        spares: children kept forked and warm, waiting for a request.
        max_open: requests open at a time; one more waits for its turn, or is refused.
        max_waiting: requests that may wait for their turn; one more is refused at once. By default none waits: a worker
            without a limit of its own on what it accepts should not collect uploads.
        max_wait: longest time that one waits, seconds; then it is refused.
        level: the least level of protection that is accepted. The gate takes the best that the host allows, and refuses
            to open if that is less than this.
        ceiling: the gate goes no higher than this, though the host may allow it; `docs/levels.md` says what each level
            costs. What is left out by it is on the receipt as waived by the policy.
        waivers: protections that may be missing though `level` needs them, each with who decided that and why. It stays
            on the receipt, and the level on the receipt is the one that is reached without them.
        on_residual: what to do when purge could not show that everything is gone: ``"raise"`` `PurgeError`, or only
            ``"record"`` it on the receipt.
        recognizer: a network of yours that makes identity embeddings of the subject; None, the default, makes none.
        engine: what analyzes: ``"facegate"``, or ``"mediapipe"``, which must be installed (``facegate[mediapipe]``) and
            needs a child process, where it has no network. See `docs/engines.md`.
        landmarker: path of the official `face_landmarker.task`, for the engine mediapipe, which then meshes the subject
            and makes ``"blendshapes"``; without it facegate's own networks mesh the subject.
        detector: name of a detector that an installed package offers (see `facegate.detectors`); it finds the faces of
            pictures in the place of facegate's own. Videos are searched by facegate's.
    """

    rules: Rules = field(default_factory=shipped)
    limits: MediaLimits = field(default_factory=MediaLimits)
    video: VideoLimits = field(default_factory=VideoLimits)
    ttl: float = 300.0
    operation_timeout: float = 30.0
    spares: int = 2
    max_open: int = 64
    max_waiting: int = 0
    max_wait: float = 30.0
    level: Level = "process"
    ceiling: Level = "sealed"
    waivers: Mapping[str, str] = field(default_factory=dict, hash=False)
    on_residual: Literal["raise", "record"] = "raise"
    recognizer: Recognizer | None = None
    engine: Literal["facegate", "mediapipe"] = "facegate"
    landmarker: str | os.PathLike[str] | None = None
    detector: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.rules, Rules):
            raise PolicyError("Policy.rules must be a facegate.Rules: facegate.rules.load reads them from a file.")
        _positive(
            "policy",
            ttl=self.ttl,
            operation_timeout=self.operation_timeout,
            max_open=self.max_open,
            max_wait=self.max_wait,
        )
        if isinstance(self.max_waiting, bool) or not isinstance(self.max_waiting, int) or self.max_waiting < 0:
            raise PolicyError("Policy.max_waiting must be a whole number, 0 or more.")
        if self.spares < 0:
            raise PolicyError("Policy.spares must be 0 or more.")
        if self.recognizer is not None and not isinstance(self.recognizer, Recognizer):
            raise PolicyError("Policy.recognizer must be a facegate.Recognizer or None.")
        self._check_level()
        self._check_engine()

    def _check_level(self) -> None:
        for name, level in (("level", self.level), ("ceiling", self.ceiling)):
            if level not in LEVELS:
                raise PolicyError(f"Policy.{name} must be one of {', '.join(LEVELS)}.")
        if LEVELS.index(self.level) > LEVELS.index(self.ceiling):
            raise PolicyError("Policy.level asks for more than Policy.ceiling allows.")
        # A copy that nobody else holds: the digest on the receipts must stay true.
        object.__setattr__(self, "waivers", MappingProxyType(dict(self.waivers)))
        for name, reason in self.waivers.items():
            if name not in TABLE:
                raise PolicyError(f"Policy.waivers names no protection of facegate: {name!r:.80}.")
            if not is_showable(reason) or not reason.strip():
                raise PolicyError(f"Policy.waivers must say who waived {name} and why, in one line.")
        if self.on_residual not in {"raise", "record"}:
            raise PolicyError("Policy.on_residual must be 'raise' or 'record'.")

    def _check_engine(self) -> None:
        if self.engine not in ENGINES:
            raise PolicyError(f"Policy.engine must be one of {', '.join(ENGINES)}.")
        if self.engine == "mediapipe" and self.ceiling == "inline":
            raise PolicyError("The engine mediapipe reports its usage, so it runs in a child alone: not at 'inline'.")
        if self.landmarker is not None:
            if self.engine != "mediapipe":
                raise PolicyError("Policy.landmarker is for the engine mediapipe.")
            # The zygote works elsewhere than the worker.
            path = os.path.abspath(os.fsdecode(self.landmarker))  # noqa: PTH100 (Path.resolve would follow links)
            object.__setattr__(self, "landmarker", path)
        if self.detector is not None and (self.engine != "facegate" or not is_showable(self.detector)):
            raise PolicyError("Policy.detector must be the name of an entry point, and goes with the engine facegate.")

    @property
    def purposes(self) -> frozenset[str]:
        """Names of what a request may be opened for."""
        return frozenset(self.rules.purposes)

    def wanted(self) -> dict[str, Any]:
        """What is to be loaded besides what facegate ships, as the zygote gets it."""
        engine = Engine(self.engine, None if self.landmarker is None else str(self.landmarker), self.detector)
        wanted = {} if engine.shipped else {"engine": asdict(engine)}
        return wanted if self.recognizer is None else wanted | {"recognizer": self.recognizer.as_dict()}

    def digest(self) -> str:
        """SHA-256 of the policy in canonical JSON, lower-case hex."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        plain |= {"rules": self.rules.digest(), "waivers": dict(self.waivers)}
        plain |= {"limits": self.limits.as_dict(), "video": self.video.as_dict()}
        plain |= {"recognizer": None if self.recognizer is None else self.recognizer.rules()}
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _positive(where: str, **values: float) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            raise PolicyError(f"{where}.{name} must be a positive number.")
