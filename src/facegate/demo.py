"""The demo: one request on two public-domain portraits, told in a table, a sheet and a receipt.

This is code of a user of facegate, in the package so that it is at hand: it loads the two portraits, which are no
uploads, with the libraries that bring them, and draws with Pillow.
"""

from __future__ import annotations

import importlib.util
import io
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facegate.errors import FacegateError
from facegate.gate import Gate
from facegate.receipt import verify

FILES: Final = ("facegate-demo.png", "facegate-demo-sheet.png", "receipt.json")
_INK, _PAPER, _WALL, _GREEN, _RED = (28, 32, 36), (250, 249, 246), (208, 202, 196), (46, 125, 79), (196, 64, 48)


class DemoError(FacegateError):
    """The demo's pictures are not installed."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the story.

    Attributes:
        name: of the step.
        what: what happened, in words.
        milliseconds: how long it took.
    """

    name: str
    what: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Story:
    """What the demo leaves: files by name, and its stages in order."""

    files: dict[str, bytes]
    stages: list[Stage]

    def as_dicts(self) -> list[dict[str, Any]]:
        """The stages for JSON."""
        return [{"name": each.name, "what": each.what, "ms": round(each.milliseconds, 3)} for each in self.stages]


class _Clock:
    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._last = time.perf_counter()

    def stage(self, name: str, what: str) -> None:
        now = time.perf_counter()
        self.stages.append(Stage(name, what, (now - self._last) * 1e3))
        self._last = time.perf_counter()


def run() -> Story:
    """Run the request.

    Raises:
        DemoError: scikit-image or matplotlib is not installed.
    """
    picture = two_people()
    upload_bytes = _encoded(picture, "JPEG", quality=95)
    clock = _Clock()
    with Gate() as gate:
        gate.pool.wait_full(60)
        clock.stage("gate", "zygote started, models loaded, locked down; two spare children warm")
        with gate.open_request(f"demo-{secrets.token_hex(4)}", purpose="generation") as request:
            clock.stage("open", "spare child and locked arena taken, OPEN receipt signed")
            upload = request.admit(upload_bytes)
            width, height = upload.size_wh
            clock.stage("admit", f"{upload.format} of {width} x {height} pixels decoded in the child")
            faces = request.analyze(upload, subject="largest")
            clock.stage("analyze", f"{len(faces)} faces found, the largest meshed, the rest boxes only")
            if faces.subject is None:
                raise DemoError("The demo's picture shows no face; the installation is damaged.")
            with faces.subject.expose("landmarks") as xyz:
                # A generator would look here. Only the number of points is told: values would outlive the request.
                looked = f"{len(xyz)} landmarks looked at, read-only"
            if xyz.any():
                raise DemoError("The landmarks could still be read after their block.")
            clock.stage("expose", f"{looked}; a kept view now reads zeros")
            with faces.expose("boxes") as exposed:
                boxes = [tuple(float(value) for value in box) for box in exposed]
            subject = faces.subject.index
            clock.stage("draw", "boxes copied for the sheet, by the demo's own choice")
            safe = request.redact(upload, keep=faces.subject)
            clock.stage("redact", f"{len(faces) - 1} bystander covered")
            output = request.finish(safe, format="png")
            clock.stage("finish", "encoded without metadata; child killed, arena zeroed and read back")
        receipt = request.receipt
        if receipt is None:
            raise DemoError("The request left no receipt.")
        verified = verify(receipt, trusted_key=gate.signer.public_key_pem())
        clock.stage("verify", f"receipt: {verified.outcome}, child {verified.child_end}, level {verified.level}")
    after = Image.open(io.BytesIO(output.data))
    sheet = _encoded(_sheet(picture, after, boxes, subject), "PNG", optimize=True)
    contents = (output.data, sheet, receipt.to_json().encode())
    return Story(dict(zip(FILES, contents, strict=True)), clock.stages)


def two_people() -> Image.Image:
    """Eileen Collins, and Grace Hopper in a frame on the wall beside her; 900 x 680 pixels, RGB."""
    try:
        import skimage.data  # noqa: PLC0415 (an extra)

        astronaut = Image.fromarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]
    except ModuleNotFoundError:
        raise DemoError("The demo needs its pictures: pip install 'facegate[demo]'.") from None
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise DemoError("The demo needs its pictures: pip install 'facegate[demo]'.")
    with Image.open(Path(spec.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg") as file:
        hopper = file.convert("RGB")
    left = astronaut.crop((20, 0, 450, 486)).resize((602, 680), Image.Resampling.LANCZOS)
    # The wall has the colour of her backdrop, darker towards the floor.
    light = Image.linear_gradient("L").resize((298, 680))
    wall = Image.composite(Image.new("RGB", light.size, (150, 145, 140)), Image.new("RGB", light.size, _WALL), light)
    canvas = Image.new("RGB", (900, 680))
    canvas.paste(left, (0, 0))
    canvas.paste(wall, (602, 0))
    framed = Image.new("RGB", (206, 248), _PAPER)
    framed.paste(hopper.crop((90, 20, 450, 460)).resize((190, 232), Image.Resampling.LANCZOS), (8, 8))
    canvas.paste(framed, (648, 150))
    return canvas


def _sheet(before: Image.Image, after: Image.Image, boxes: list[tuple[float, ...]], subject: int) -> Image.Image:
    """Before and after, side by side, with captions."""
    margin, head, foot = 32, 78, 64
    width, height = before.size
    sheet = Image.new("RGB", (2 * width + 3 * margin, height + head + foot), _PAPER)
    marked = before.copy()
    draw = ImageDraw.Draw(marked)
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        colour = _GREEN if index == subject else _RED
        draw.rectangle((x0, y0, x1, y1), outline=colour, width=4)
        label = "subject" if index == subject else "bystander"
        font = ImageFont.load_default(20)
        end = draw.textlength(label, font=font)
        draw.rectangle((x0, y0 - 28, x0 + end + 14, y0), fill=colour)
        draw.text((x0 + 7, y0 - 14), label, fill=_PAPER, font=font, anchor="lm")
    sheet.paste(marked, (margin, head))
    sheet.paste(after.convert("RGB"), (width + 2 * margin, head))
    draw = ImageDraw.Draw(sheet)
    title, note = ImageFont.load_default(34), ImageFont.load_default(20)
    for x, heading, caption in (
        (margin, "before", "what was uploaded, with what was found"),
        (width + 2 * margin, "after", "what leaves: the subject kept, the bystander covered, no metadata"),
    ):
        draw.text((x, head - 18), heading, fill=_INK, font=title, anchor="ls")
        draw.text((x, head + height + 16), caption, fill=_INK, font=note, anchor="lt")
    return sheet


def _encoded(image: Image.Image | np.ndarray[Any, Any], picture_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, picture_format, **options)
    return file.getvalue()
