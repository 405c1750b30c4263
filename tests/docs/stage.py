"""The folder that a page's blocks are run in, one after another, each in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import facegate
from fixtures import networks
from fixtures.collection import two_people
from tests.acts import acts
from tests.clips import clip
from tests.conftest import encode
from tests.docs.blocks import Block
from tests.ledgers import receipts

_SECONDS = 150


def furnish(folder: Path) -> None:
    """Lay out what pages speak of: pictures, a video, a receipt, a log of receipts and the keys that signed them."""
    photo = encode(two_people().rgb, "JPEG")
    (folder / "photo.jpg").write_bytes(photo)
    (folder / "clip.mp4").write_bytes(clip(12))
    for name, data in (("photos/a.jpg", photo), ("photos/b.jpg", photo), ("albums/c.jpg", photo), ("a.jpg", photo)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    networks.written(folder, networks.recognizer())
    signer = facegate.Signer.from_pem(key)
    (folder / "ledger-key.pem").write_bytes(key)
    (folder / "gate-public.pem").write_bytes(signer.public_key_pem())
    (folder / "receipt.json").write_text(receipts(signer)[1].text, encoding="utf-8")
    with facegate.Ledger(folder / "ledger.jsonl", signer) as ledger:
        for each in receipts(signer):
            ledger.append(each)
        deletion, _ = ledger.record(acts(2))
    (folder / "deletion.json").write_text(deletion.text, encoding="utf-8")


def run(block: Block, folder: Path) -> None:
    """Run a block there as a reader would, and compare what it prints, where the page shows that.

    Raises:
        AssertionError: it ended otherwise than the page says, or printed something else.
    """
    if block.language == "python":
        name = block.options.get("file", f"block_{block.line}.py")
        (folder / name).write_text(block.text, encoding="utf-8")
        command = [sys.executable, name, *block.options.get("argv", "photo.jpg").split()]
    else:
        command = ["bash", "-euo", "pipefail", "-c", block.text]
    bin_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": bin_first, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    wanted = block.options.get("exit", "0")
    assert str(done.returncode) == wanted, f"{block.name} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    if block.output is not None:
        assert same(block.output, done.stdout), (
            f"{block.name} prints\n{done.stdout}\nand the page shows\n{block.output}"
        )


def same(shown: str, printed: str) -> bool:
    """Whether text is what a page shows of it, where ``…`` stands for anything within a line."""
    pattern = r"[^\n]*".join(re.escape(piece) for piece in shown.strip().split("…"))
    return re.fullmatch(pattern, printed.strip()) is not None
