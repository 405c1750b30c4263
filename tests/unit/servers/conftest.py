"""The servers under test."""

from tests.servers.fixtures import postgres_server, postgres_url, s3_bucket, s3_server

__all__ = ["postgres_server", "postgres_url", "s3_bucket", "s3_server"]
