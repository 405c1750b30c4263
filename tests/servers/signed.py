"""Requests to an S3-compatible server, signed by hand: what a test wants to see with other eyes than obstore's."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from datetime import UTC, datetime
from urllib.parse import quote


def send(
    port: int, method: str, path: str, query: dict[str, str], body: bytes, *, key: str, secret: str, region: str
) -> tuple[int, bytes]:
    """Send one request to 127.0.0.1, with AWS's signature of version 4; the status and the body of the answer.

    Args:
        port: the server's.
        method: an HTTP method.
        path: begins with a slash; it is quoted here.
        query: not yet quoted.
        body: all of it.
        key: the access key's name.
        secret: what signs.
        region: the one that the server is in.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    headers = {
        "host": f"127.0.0.1:{port}",
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": stamp,
    }
    names = ";".join(headers)
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
    canonical = "\n".join(
        [
            method,
            quote(path),
            asked,
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            names,
            headers["x-amz-content-sha256"],
        ]
    )
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signing = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    signature = hmac.new(signing, to_sign.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, quote(path) + (f"?{asked}" if asked else ""), body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
