"""The object store that tests use: it is a real one, it survives a kill, and it leaves nothing."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError, GenericError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from tests.conftest import descendants
from tests.servers.s3 import S3Server

_MEBIBYTE = 2**20
_PATIENT = {"max_retries": 0, "retry_timeout": timedelta(seconds=5)}


def store_of(server: S3Server, bucket: str, **more: Any) -> S3Store:
    return S3Store(bucket, **(server.options() | {"retry_config": _PATIENT} | more))


def keys(store: S3Store, prefix: str | None = None) -> list[str]:
    return sorted(found["path"] for page in obstore.list(store, prefix=prefix) for found in page)


def files_with(server: S3Server, words: bytes) -> list[Path]:
    return [path for path in server.data.rglob("*") if path.is_file() and words in path.read_bytes()]


def test_an_object_is_put_read_in_part_and_deleted(s3_server: S3Server, s3_bucket: str) -> None:
    store = store_of(s3_server, s3_bucket)
    obstore.put(store, "a/b c/ü.bin", b"0123456789")
    assert bytes(obstore.get(store, "a/b c/ü.bin").bytes()) == b"0123456789"
    assert bytes(obstore.get_range(store, "a/b c/ü.bin", start=2, length=3)) == b"234"
    assert obstore.head(store, "a/b c/ü.bin")["size"] == 10
    obstore.delete(store, "a/b c/ü.bin")
    with pytest.raises(FileNotFoundError):
        obstore.head(store, "a/b c/ü.bin")


def test_a_key_can_be_made_only_once_where_that_is_asked(s3_server: S3Server, s3_bucket: str) -> None:
    store = store_of(s3_server, s3_bucket)
    obstore.put(store, "once", b"1", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, "once", b"2", mode="create")
    assert bytes(obstore.get(store, "once").bytes()) == b"1"


def test_a_wrong_secret_is_refused(s3_server: S3Server, s3_bucket: str) -> None:
    stranger = store_of(s3_server, s3_bucket, secret_access_key="guessed")  # noqa: S106
    with pytest.raises((PermissionDeniedError, UnauthenticatedError)):
        obstore.put(stranger, "a", b"1")
    assert keys(store_of(s3_server, s3_bucket)) == []


def test_a_large_object_goes_in_parts_and_its_parts_go_with_it(s3_server: S3Server, s3_bucket: str) -> None:
    store, large = store_of(s3_server, s3_bucket), os.urandom(20 * _MEBIBYTE)
    obstore.put(store, "large", large, use_multipart=True, chunk_size=6 * _MEBIBYTE)
    assert bytes(obstore.get(store, "large").bytes()) == large
    seam = 6 * _MEBIBYTE
    assert bytes(obstore.get_range(store, "large", start=seam - 9, end=seam + 9)) == large[seam - 9 : seam + 9]
    assert len(files_with(s3_server, large[:64]) + files_with(s3_server, large[-64:])) == 2
    obstore.delete(store, "large")
    assert files_with(s3_server, large[:64]) + files_with(s3_server, large[-64:]) == []


def test_an_upload_that_is_aborted_leaves_no_part(s3_server: S3Server, s3_bucket: str) -> None:
    part = os.urandom(5 * _MEBIBYTE)
    _, answer = s3_server.request("POST", f"/{s3_bucket}/half", {"uploads": ""})
    upload = ET.fromstring(answer).findtext("{*}UploadId") or ""  # noqa: S314, of our own server
    s3_server.request("PUT", f"/{s3_bucket}/half", {"partNumber": "1", "uploadId": upload}, part)
    _, listing = s3_server.request("GET", f"/{s3_bucket}", {"uploads": ""})
    assert upload in listing.decode()
    assert len(files_with(s3_server, part[:64])) == 1
    assert keys(store_of(s3_server, s3_bucket)) == []
    status, _ = s3_server.request("DELETE", f"/{s3_bucket}/half", {"uploadId": upload})
    assert status == 204
    assert files_with(s3_server, part[:64]) == []
    _, listing = s3_server.request("GET", f"/{s3_bucket}", {"uploads": ""})
    assert upload not in listing.decode()


def test_listings_go_on_over_pages_and_deletes_take_many_keys() -> None:
    names = [f"{folder}/{number:02}" for folder in ("a", "b") for number in range(25)]
    with S3Server(page=20) as server:
        bucket = server.fresh_bucket()
        store = store_of(server, bucket)
        for name in names:
            obstore.put(store, name, b"1")
        _, first = server.request("GET", f"/{bucket}", {"list-type": "2"})
        assert first.count(b"<Contents>") == 20
        assert keys(store) == names
        assert keys(store, "b") == names[25:]
        obstore.delete(store, names[:-1])
        assert keys(store) == names[-1:]


@pytest.mark.parametrize("hard", [False, True], ids=["in good order", "by a kill"])
def test_what_was_stored_is_there_after_a_stop(s3_server: S3Server, s3_bucket: str, hard: bool) -> None:
    store = store_of(s3_server, s3_bucket)
    obstore.put(store, "kept", b"1")
    s3_server.stop(hard=hard)
    try:
        with pytest.raises(GenericError):
            obstore.head(store, "kept")
    finally:
        s3_server.start()
    assert bytes(obstore.get(store, "kept").bytes()) == b"1"
    assert keys(store) == ["kept"]


def test_it_listens_on_this_host_alone_and_is_no_child_of_the_test(s3_server: S3Server) -> None:
    before = descendants()
    with S3Server() as second:
        assert descendants() == before
        assert second.endpoint != s3_server.endpoint
        port = int(second.endpoint.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)
    assert not second.folder.exists()
