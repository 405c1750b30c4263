"""Real servers for tests: PostgreSQL and an S3-compatible object store, each in a folder of its own that goes with it.

They are no descendants of the test's process, since other tests count those, and they end with it however it ends: see
`keeper`. A server that this host cannot run has a `missing()` that says what it lacks.
"""
