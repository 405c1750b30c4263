"""The tables. `migrations/` makes them; a test compares the two.

Times are milliseconds since 1970 in UTC, whole numbers: SQLite has no type for a time, and time zones are for people.
The keys are in tables of their own, so that backups which are kept for long can leave them out.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    literal_column,
    text,
)

# States of an asset. Its content can be read in KEPT alone; its key exists in WRITING and KEPT alone.
WRITING: Final = "writing"  # announced; the blob is on its way, and nobody was told that it is kept
KEPT: Final = "kept"
DELETING: Final = "deleting"  # its key is gone; the blob may still be there
DELETED: Final = "deleted"  # a tombstone

metadata: Final = MetaData()

# One row: which store this is.
stores: Final = Table(
    "stores",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created", BigInteger, nullable=False),
)

people: Final = Table(
    "people",
    metadata,
    Column("person", String(128), primary_key=True),
    Column("created", BigInteger, nullable=False),
    # Since when what is kept of the person is not used; NULL: it is.
    Column("restricted", BigInteger),
)

person_keys: Final = Table(
    "person_keys",
    metadata,
    Column("person", String(128), ForeignKey("people.person"), primary_key=True),
    Column("master", String(64), nullable=False, index=True),
    Column("wrapped", LargeBinary, nullable=False),
)

assets: Final = Table(
    "assets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("state", String(8), nullable=False),
    Column("class", String(64), nullable=False, key="kept_as"),
    Column("kind", String(8), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    # When its time is over.
    Column("due", BigInteger, nullable=False),
    # How many legal holds keep it.
    Column("holds", Integer, nullable=False, server_default="0"),
    # In WRITING and DELETING: until when whoever works on it is believed to be alive.
    Column("lease", BigInteger),
    # All of these are NULL on a tombstone.
    Column("person", String(128), ForeignKey("people.person")),
    Column("request", String(256)),
    Column("purpose", String(64)),
    Column("media_type", String(64)),
    Column("label", Text),
    # NULL before it is deleted.
    Column("deleted", BigInteger),
    Column("why", String(64)),
    CheckConstraint("state IN ('writing', 'kept', 'deleting', 'deleted')", name="asset_state"),
    CheckConstraint("kind IN ('upload', 'output', 'log')", name="asset_kind"),
    CheckConstraint(
        "media_type IS NULL OR media_type LIKE 'image/%' OR media_type LIKE 'video/%'"
        " OR (kind = 'log' AND media_type = 'application/json')",
        name="asset_media_type",
    ),
    CheckConstraint("state <> 'deleted' OR (person IS NULL AND label IS NULL)", name="tombstone_has_no_content"),
)
# Written out, not as parameters: SQLite uses a partial index only where it sees that the condition holds.
is_kept: Final = assets.c.state == literal_column("'kept'")
is_free: Final = assets.c.holds == literal_column("0")

# What is due is found without a look at what is not.
Index(
    "asset_due",
    assets.c.due,
    sqlite_where=text("state = 'kept' AND holds = 0"),
    postgresql_where=text("state = 'kept' AND holds = 0"),
)
Index(
    "asset_lease",
    assets.c.lease,
    sqlite_where=text("lease IS NOT NULL"),
    postgresql_where=text("lease IS NOT NULL"),
)
Index("asset_person", assets.c.person, assets.c.id)
Index(
    "asset_request",
    assets.c.request,
    sqlite_where=text("request IS NOT NULL"),
    postgresql_where=text("request IS NOT NULL"),
)

asset_keys: Final = Table(
    "asset_keys",
    metadata,
    Column("asset", String(32), ForeignKey("assets.id"), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

holds: Final = Table(
    "holds",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("target", String(8), nullable=False),
    Column("value", String(256), nullable=False),
    Column("why", Text, nullable=False),
    Column("placed_by", String(128), nullable=False),
    Column("placed", BigInteger, nullable=False),
    Column("released", BigInteger),
    CheckConstraint("target IN ('asset', 'request', 'person')", name="hold_target"),
)
Index(
    "hold_active",
    holds.c.target,
    holds.c.value,
    sqlite_where=text("released IS NULL"),
    postgresql_where=text("released IS NULL"),
)

# Which assets a hold keeps.
held: Final = Table(
    "held",
    metadata,
    Column("hold", String(32), ForeignKey("holds.id"), primary_key=True),
    Column("asset", String(32), ForeignKey("assets.id"), primary_key=True, index=True),
)

# How long a person wants a class to be kept, where that is shorter than the policy.
settings: Final = Table(
    "settings",
    metadata,
    Column("person", String(128), ForeignKey("people.person"), primary_key=True),
    Column("class", String(64), primary_key=True, key="kept_as"),
    Column("milliseconds", BigInteger, nullable=False),
)

# Purposes for which a person does not want to be used.
objections: Final = Table(
    "objections",
    metadata,
    Column("person", String(128), ForeignKey("people.person"), primary_key=True),
    Column("purpose", String(64), primary_key=True),
    Column("since", BigInteger, nullable=False),
)

# What people asked for, and by when they are answered. The person is forgotten when it is done; who wanted to be
# deleted, once nothing is left that the policy keeps all the same: then what the person said goes, too.
demands: Final = Table(
    "demands",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("act", String(16), nullable=False),
    Column("person", String(128)),
    Column("received", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("done", BigInteger),
)
Index(
    "demand_open",
    demands.c.due,
    sqlite_where=text("done IS NULL"),
    postgresql_where=text("done IS NULL"),
)
Index(
    "demand_person",
    demands.c.person,
    sqlite_where=text("person IS NOT NULL"),
    postgresql_where=text("person IS NOT NULL"),
)
