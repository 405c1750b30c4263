"""Mastering display and light level: from a decoded frame to an encoder's options."""

from __future__ import annotations

import struct
from typing import Final

from facegate.video.codecs import Plan
from facegate.video.info import Look

# AVMasteringDisplayMetadata: primaries of R, G, B, the white point, least and most luminance, each a fraction of two
# int32; then whether there are primaries, whether there is luminance.
_MASTERING: Final = struct.Struct("=20i2i")
_LIGHT: Final = struct.Struct("=2I")


def hdr_options(plan: Plan, look: Look) -> dict[str, str]:
    """Encoder options that write the static HDR metadata of a frame into the stream.

    VP9's stream has no room for it.

    Args:
        plan: of the output; its options are extended where they share a key.
        look: of the upload.
    """
    light = _light(look.light)
    mastering = _mastering(look.mastering)
    key, params = "", []
    if plan.codec == "h264":
        key = "x264-params"
        params += [f"mastering-display={_scaled(mastering)}"] if mastering else []
        params += [f"cll={light[0]},{light[1]}"] if light else []
    elif plan.codec == "hevc":
        key = "x265-params"
        params += [f"master-display={_scaled(mastering)}"] if mastering else []
        params += [f"max-cll={light[0]},{light[1]}"] if light else []
    elif plan.codec == "av1":
        key = "svtav1-params"
        params += [f"mastering-display={_decimal(mastering)}"] if mastering else []
        params += [f"content-light={light[0]},{light[1]}"] if light else []
    if not params:
        return {}
    before = plan.options.get(key)
    return {key: ":".join([before, *params] if before else params)}


def _light(data: bytes | None) -> tuple[int, int] | None:
    if data is None or len(data) < _LIGHT.size:
        return None
    most, average = _LIGHT.unpack_from(data)
    return (most, average) if most <= 0xFFFF and average <= 0xFFFF and most | average else None


def _mastering(data: bytes | None) -> list[float] | None:
    """Ten numbers: x and y of red, green, blue, white; least and most luminance in cd/m²."""
    if data is None or len(data) < _MASTERING.size:
        return None
    found = _MASTERING.unpack_from(data)
    if not found[20] or not found[21] or 0 in found[1:20:2]:
        return None
    values = [found[at] / found[at + 1] for at in range(0, 20, 2)]
    return values if all(0 <= value <= 1 for value in values[:8]) and 0 <= values[8] < values[9] <= 1e5 else None


def _scaled(values: list[float]) -> str:
    """In the units of the H.264 and HEVC messages: 0.00002 and 0.0001."""
    r, g, b, w = ([round(value * 50_000) for value in values[at : at + 2]] for at in range(0, 8, 2))
    least, most = round(values[8] * 10_000), round(values[9] * 10_000)
    return f"G({g[0]},{g[1]})B({b[0]},{b[1]})R({r[0]},{r[1]})WP({w[0]},{w[1]})L({most},{least})"


def _decimal(values: list[float]) -> str:
    r, g, b, w = ([f"{value:.5f}" for value in values[at : at + 2]] for at in range(0, 8, 2))
    luminance = f"L({values[9]:.4f},{values[8]:.4f})"
    return f"G({g[0]},{g[1]})B({b[0]},{b[1]})R({r[0]},{r[1]})WP({w[0]},{w[1]}){luminance}"
