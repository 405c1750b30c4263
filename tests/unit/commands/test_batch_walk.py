"""What a batch takes, what it leaves out, and where each result goes."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from facegate.commands.batch import walk
from facegate.commands.batch.kinds import HEAD, Kind, kind_of, output_kind
from facegate.commands.batch.plan import plan
from facegate.commands.batch.settings import Settings
from facegate.commands.batch.walk import Found, Item, find
from facegate.errors import OutputError


def encoded(picture_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 10, 10)).save(file, picture_format, **options)
    return file.getvalue()


def moving(picture_format: str) -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), (shade, 0, 0)) for shade in (0, 90, 250)]
    frames[0].save(file, picture_format, save_all=True, append_images=frames[1:], duration=40)
    return file.getvalue()


def names(found: Found) -> list[str]:
    return [item.name for item in found.items]


def item(name: str, kind: Kind | None = None) -> Item:
    return Item(name, Path("/nowhere") / name, kind or kind_of(b"", name) or Kind("image", "png"), 1)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (encoded("JPEG"), Kind("image", "jpeg")),
        (encoded("PNG"), Kind("image", "png")),
        (encoded("WEBP"), Kind("image", "webp")),
        (encoded("TIFF"), Kind("image", "png")),
        (encoded("BMP"), Kind("image", "png")),
        (encoded("GIF"), Kind("video", "gif")),
        (moving("WEBP"), Kind("video", "webp")),
        (b"\0\0\0\x20ftypisom" + bytes(40), Kind("video", "mp4")),
        (b"\0\0\0\x14ftypqt  " + bytes(40), Kind("video", "mov")),
        (b"\0\0\0\x08wide\0\0\0\0mdat", Kind("video", "mov")),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", Kind("video", "webm")),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska", Kind("video", "mkv")),
        (b"RIFF\0\0\0\0AVI LIST", Kind("video", "avi")),
        (b"\0\0\0\x18ftypheic\0\0\0\0", None),
        (b"\0\0\0\x18ftypavif\0\0\0\0", None),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", None),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"BM is how this text begins, which makes it no bitmap", None),
        (b"", None),
    ],
)
def test_content_says_what_a_file_is(head: bytes, expected: Kind | None) -> None:
    assert kind_of(head[:HEAD], "no-extension") == expected
    other = "x.mov" if expected == Kind("image", "jpeg") else "x.jpg"
    if expected is not None:
        assert kind_of(head[:HEAD], other) == expected, "a name does not outweigh the content"


def test_a_name_speaks_where_the_content_does_not() -> None:
    assert kind_of(b"nothing known", "holiday.JPEG") == Kind("image", "jpeg")
    assert kind_of(b"", "clip.mp4") == Kind("video", "mp4")
    assert kind_of(b"\0\0\0\x18ftypheic", "really.jpg") is None, "it is a picture, of a kind that is not read"
    assert output_kind("x.tif") is None
    assert output_kind("x.M4V") == Kind("video", "mp4")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    (root / "b" / "deep").mkdir(parents=True)
    (root / ".cache").mkdir()
    jpeg = encoded("JPEG")
    for name in ("z.jpg", "b/y.jpg", "b/deep/x", ".cache/v.jpg", ".u.jpg", "b.jpg"):
        (root / name).write_bytes(jpeg)
    (root / "notes.txt").write_text("words")
    (root / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    os.mkfifo(root / "pipe.jpg")
    return root


def test_a_folder_is_walked_in_order_and_what_is_left_out_is_told(tree: Path) -> None:
    found = find([tree])
    assert names(found) == ["b/deep/x", "b/y.jpg", "b.jpg", "z.jpg"]
    assert found.skipped == [
        (".cache/", walk.HIDDEN),
        (".u.jpg", walk.HIDDEN),
        ("notes.txt", walk.OTHER),
        ("phone.heic", walk.HEIF),
        ("pipe.jpg", walk.SPECIAL),
    ]
    assert found.failed == []


def test_links_are_followed_inside_the_folder_alone(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(encoded("JPEG"))
    (tree / "l-in.jpg").symlink_to("b/y.jpg")
    (tree / "l-out.jpg").symlink_to(outside)
    (tree / "l-up.jpg").symlink_to("../outside.jpg")
    (tree / "l-gone.jpg").symlink_to("gone.jpg")
    (tree / "l-loop").symlink_to(tree)
    (tree / "b" / "l-folder").symlink_to(tmp_path)
    found = find([tree])
    assert names(found) == ["b/deep/x", "b/y.jpg", "b.jpg", "l-in.jpg", "z.jpg"]
    assert dict(found.skipped).items() >= {
        ("l-out.jpg", walk.OUTSIDE),
        ("l-up.jpg", walk.OUTSIDE),
        ("l-gone.jpg", walk.BROKEN),
        ("l-loop", walk.FOLDER_LINK),
        ("b/l-folder", walk.FOLDER_LINK),
    }
    alias = tmp_path / "alias"
    alias.symlink_to(tree)
    assert names(find([alias])) == names(found), "a folder that is named is taken, link or not"


def test_results_inside_the_input_are_not_looked_at(tree: Path) -> None:
    out = tree / "out"
    out.mkdir()
    (out / "done.jpg").write_bytes(encoded("JPEG"))
    (tree / "to-done.jpg").symlink_to("out/done.jpg")
    found = find([tree], leave_out=[tree / "b" / ".." / "out"])
    assert names(found) == ["b/deep/x", "b/y.jpg", "b.jpg", "z.jpg"]
    assert ("to-done.jpg", walk.OUTSIDE) in found.skipped
    assert len(find([tree], leave_out=[tree.parent]).items) == 6, "an input inside the output folder is still one"


def test_several_sources_keep_their_names_apart(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single = tmp_path / ".hidden-but-named.jpg"
    single.write_bytes(encoded("JPEG"))
    assert names(find([tree / "b", single])) == [".hidden-but-named.jpg", "b/deep/x", "b/y.jpg"]
    monkeypatch.chdir(tree)
    assert names(find([Path(), single]))[:2] == [".hidden-but-named.jpg", "in/b/deep/x"]


def test_what_cannot_be_read_fails_and_the_rest_goes_on() -> None:
    me = os.geteuid()
    # Root reads everything, so it becomes somebody else for a moment, who could not get into pytest's own folder.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "b").mkdir(mode=0o700)
        for name, mode in (("b/y.jpg", 0o644), ("c.jpg", 0o644), ("z.jpg", 0o600)):
            (root / name).write_bytes(encoded("JPEG"))
            (root / name).chmod(mode)
        if me != 0:
            (root / "b").chmod(0)
            (root / "z.jpg").chmod(0)
        os.seteuid(65534 if me == 0 else me)
        try:
            found = find([root])
        finally:
            os.seteuid(me)
            (root / "b").chmod(0o700)
    assert names(found) == ["c.jpg"]
    assert found.failed == [
        ("b/", "The folder cannot be read: Permission denied."),
        ("z.jpg", "The file cannot be read: Permission denied."),
    ]


def test_outputs_keep_their_names_and_the_extension_fits_the_format() -> None:
    items = [
        item("a.bmp"),
        item("a.tif"),
        item("a.png"),
        item("b.JPEG"),
        item("c.png", Kind("image", "jpeg")),
        item("d/e"),
        item("f.tif"),
        item("g.m4v"),
    ]
    jobs = plan(items, Settings(), Path("/out"), Path("/receipts"))
    assert [job.output for job in jobs] == [
        "a.bmp.png",
        "a.tif.png",
        "a.png",
        "b.JPEG",
        "c.jpg",
        "d/e.png",
        "f.png",
        "g.m4v",
    ]
    assert str(jobs[5].target) == "/out/d/e.png"
    assert str(jobs[5].receipt) == "/receipts/d/e.png.receipt.json"
    webp = plan(items, Settings(picture_format="webp", video_format="mkv"), Path("/out"), None)
    assert [job.output for job in webp] == [
        "a.bmp.webp",
        "a.tif.webp",
        "a.png.webp",
        "b.webp",
        "c.webp",
        "d/e.webp",
        "f.webp",
        "g.mkv",
    ]
    assert str(webp[0].receipt) == "/out/a.bmp.webp.receipt.json"


def test_no_two_inputs_get_one_output() -> None:
    with pytest.raises(OutputError, match=r"both named x\.jpg"):
        plan([item("x.jpg"), item("x.jpg")], Settings(), Path("/out"), None)
    with pytest.raises(OutputError, match=r"both become a\.bmp\.png"):
        plan([item("a.bmp"), item("a.png"), item("a.bmp.png")], Settings(), Path("/out"), None)


def test_an_input_is_never_an_output(tmp_path: Path) -> None:
    """By a relative path, by a link to the folder, by a hard link; also where the input lies in the output folder."""
    inner = tmp_path / "b" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "b" / "p.jpg").write_bytes(encoded("JPEG"))
    (inner / "p.jpg").write_bytes(encoded("JPEG"))
    (tmp_path / "alias").symlink_to("b")
    (tmp_path / "twin").mkdir()
    (tmp_path / "twin" / "p.jpg").hardlink_to(tmp_path / "b" / "p.jpg")
    items = find([tmp_path / "b"]).items
    assert [each.name for each in items] == ["b/p.jpg", "p.jpg"]
    for folder in (tmp_path, tmp_path / "b", tmp_path / "alias", tmp_path / "twin", inner / ".."):
        with pytest.raises(OutputError, match="is an input and is never overwritten"):
            plan(items, Settings(), folder, None)
    assert len(plan(items, Settings(), tmp_path / "b" / "out", None)) == 2


def test_the_digest_tells_settings_apart() -> None:
    picture, video = Kind("image", "jpeg"), Kind("video", "mp4")
    base = Settings()
    assert base.digest(picture) == Settings(profile="fast", codec="hevc", preset="slow").digest(picture)
    assert base.digest(video) == Settings(picture_format="png").digest(video)
    others = [
        Settings(keep="largest"),
        Settings(style="blur"),
        Settings(shape="box"),
        Settings(margin=0.5),
        Settings(quality=80),
        Settings(picture_format="png"),
    ]
    assert len({each.digest(picture) for each in [base, *others]}) == 7
    changed = [
        Settings(keep="largest"),
        Settings(profile="fast"),
        Settings(codec="hevc"),
        Settings(preset="slow"),
        Settings(quality=3),
        Settings(video_format="mkv"),
    ]
    assert len({each.digest(video) for each in [base, *changed]}) == 7
    assert base.digest(picture) != base.digest(Kind("image", "png"))
