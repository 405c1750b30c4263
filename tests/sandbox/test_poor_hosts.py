"""What a gate does on a host that lacks something: it refuses by name, or serves and says so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from facegate.memory.secret import secret_memory
from facegate.sandbox.limits import core_limit

RESTRICTED = Path(__file__).parents[1] / "restricted.py"
SMALL = 64 << 10

# As a worker would: three requests, one after the other, each exposing much at once, from a gate that keeps spares.
WORKER = """
import json, sys
import facegate
from facegate.errors import FacegateError
policy = facegate.Policy(**json.loads(sys.argv[1]))
try:
    with facegate.Gate(policy) as gate:
        for name in "abc":
            with gate.open_request(name, purpose="safety") as request:
                upload = request.admit(sys.argv[2])
                subject = request.analyze(upload).subject
                with subject.expose("landmarks") as xyz, subject.expose("embedding"), subject.expose("pose"):
                    assert xyz.any()
                request.finish(request.redact(upload, keep=subject), format="png")
    seen = facegate.verify(request.receipt)
    print(json.dumps({
        "level": seen.level, "outcome": seen.outcome,
        "protections": {each.name: [each.state, each.detail] for each in seen.protections},
    }))
except FacegateError as error:
    print(json.dumps({"error": type(error).__name__, "oserror": isinstance(error, OSError), "sentence": str(error)}))
"""

pytestmark = pytest.mark.skipif(secret_memory().state != "achieved", reason="no memfd_secret to take away")


@pytest.fixture
def picture(tmp_path: Path, astronaut: bytes) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(astronaut)
    return path


def work(picture: Path, policy: dict[str, object], *restrictions: str) -> dict[str, object]:
    """What a worker with this policy has to say on a host with these restrictions."""
    command = [sys.executable, str(RESTRICTED), *restrictions, "--", sys.executable, "-c", WORKER]
    done = subprocess.run(
        [*command, json.dumps(policy), str(picture)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def protection(answer: dict[str, object], name: str) -> tuple[str, str]:
    state, detail = answer["protections"][name]  # type: ignore[index]
    return state, detail


def test_the_control_without_restrictions_is_sealed(picture: Path) -> None:
    answer = work(picture, {"level": "sealed"})
    assert (answer["level"], answer["outcome"]) == ("sealed", "finished")


def test_a_lock_limit_of_64_kib_refuses_sealed_with_the_sentence_that_fixes_it(picture: Path) -> None:
    answer = work(picture, {"level": "sealed"}, "--memlock", str(SMALL))
    assert (answer["error"], answer["oserror"]) == ("LockLimitError", True)
    sentence = str(answer["sentence"])
    assert "the limit is 65536 bytes" in sentence
    assert "'ulimit -l'" in sentence
    assert "LimitMEMLOCK=" in sentence


def test_a_lock_limit_of_64_kib_serves_at_process_and_the_receipt_says_what_is_missing(picture: Path) -> None:
    """The room is for one arena: neither a waiting spare nor one in the making may keep a request from opening."""
    answer = work(picture, {}, "--memlock", str(SMALL))
    assert (answer["level"], answer["outcome"]) == ("process", "finished"), answer
    state, why = protection(answer, "secret_memory")
    assert state == "unavailable"
    assert "the limit is 65536 bytes" in why
    assert protection(answer, "arena_locked")[0] == "achieved"
    assert "65536" in protection(answer, "media_locked")[1]


@pytest.mark.parametrize("limit", [352 << 10, 448 << 10])
def test_what_opens_at_sealed_also_exposes(picture: Path, limit: int) -> None:
    """448 KiB is what three arenas, windows and the share of media take; less is refused before any request."""
    answer = work(picture, {"level": "sealed"}, "--memlock", str(limit))
    if limit == 448 << 10:
        assert (answer["level"], answer["outcome"]) == ("sealed", "finished"), answer
        return
    assert answer["error"] == "LockLimitError"
    lenient = work(picture, {}, "--memlock", str(limit))
    assert (lenient["level"], lenient["outcome"]) == ("process", "finished")
    assert "lock limit has no room" in protection(lenient, "secret_memory")[1]


def test_a_limit_below_one_arena_refuses_the_default_too(picture: Path) -> None:
    assert work(picture, {}, "--memlock", "16384")["error"] == "LockLimitError"


@pytest.mark.parametrize(("answer_with", "words"), [("ENOSYS", "CONFIG_SECRETMEM"), ("EPERM", "profile must allow")])
def test_a_filter_that_refuses_secret_memory(picture: Path, answer_with: str, words: str) -> None:
    refused = f"memfd_secret:{answer_with}"
    strict = work(picture, {"level": "sealed"}, "--refuse", refused)
    assert strict["error"] == "ProtectionError"
    assert "secret_memory" in str(strict["sentence"])
    assert words in str(strict["sentence"])
    lenient = work(picture, {}, "--refuse", refused)
    assert (lenient["level"], lenient["outcome"]) == ("process", "finished")
    state, why = protection(lenient, "secret_memory")
    assert state == "unavailable"
    assert words in why


@pytest.mark.parametrize("restriction", [("--refuse", "memfd_secret:EPERM"), ("--memlock", str(SMALL))])
def test_a_waiver_serves_and_the_receipt_says_whose_it_is(picture: Path, restriction: tuple[str, str]) -> None:
    policy = {"level": "sealed", "waivers": {"secret_memory": "ops: the old profile, until May"}}
    answer = work(picture, policy, *restriction)
    assert (answer["level"], answer["outcome"]) == ("process", "finished"), "a waived protection is not an achieved one"
    state, why = protection(answer, "secret_memory")
    assert state == "waived"
    assert why.startswith("ops: the old profile, until May (missing: ")
    others = {name for name in answer["protections"] if protection(answer, name)[0] == "waived"}  # type: ignore[attr-defined]
    assert others == {"secret_memory"}


@pytest.mark.parametrize(
    ("call", "name"),
    [("landlock_create_ruleset", "landlock_files"), ("seccomp", "seccomp"), ("pidfd_open", "pidfd_open")],
)
def test_a_filter_that_refuses_what_process_needs(picture: Path, call: str, name: str) -> None:
    answer = work(picture, {}, "--refuse", f"{call}:EPERM")
    assert answer["error"] in {"ProtectionError", "SandboxSetupError"}
    assert name in str(answer["sentence"])


def test_a_host_without_tcp_is_sealed_still(picture: Path) -> None:
    """A unit with ``RestrictAddressFamilies=AF_UNIX``: no socket to try Landlock's network rights on."""
    answer = work(picture, {"level": "sealed"}, "--refuse-family", "2", "--refuse-family", "10")
    assert answer.get("level") == "sealed", answer
    assert protection(answer, "landlock_network") == ("achieved", protection(answer, "landlock_network")[1])
    assert "no TCP socket can be made" in protection(answer, "landlock_network")[1]


def test_a_hard_core_limit_of_0_is_no_obstacle_where_no_program_takes_dumps(picture: Path) -> None:
    """``LimitCORE=0`` or ``ulimit -Hc 0``: the 1 byte that the child would have is out of reach for who is not root."""
    if Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").startswith("|"):
        pytest.skip("a kernel.core_pattern that names no program")
    answer = work(picture, {"level": "sealed"}, "--core", "0")
    assert answer.get("level") == "sealed", answer
    assert protection(answer, "core_limit")[0] == "achieved"


@pytest.mark.parametrize(
    ("limit", "pattern", "state", "words"),
    [
        (1, "|/usr/lib/systemd-coredump %P", "achieved", "1 byte"),
        (1, None, "achieved", "1 byte"),
        (0, "core", "achieved", "0 bytes, and no program"),
        (0, "|/usr/lib/systemd-coredump %P", "unavailable", "LimitCORE=1"),
        (0, None, "unavailable", "LimitCORE=1"),
    ],
)
def test_a_core_limit_of_0_is_worth_nothing_to_a_program_that_takes_dumps(
    tmp_path: Path, limit: int, pattern: str | None, state: str, words: str
) -> None:
    path = tmp_path / "core_pattern"
    if pattern is not None:
        path.write_text(pattern, encoding="utf-8")
    found = core_limit(limit, path)
    assert (found.state, words in found.detail) == (state, True), found
