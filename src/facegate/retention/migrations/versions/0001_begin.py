"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    op.create_table(
        "demands",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("demands", schema=None) as batch_op:
        batch_op.create_index(
            "demand_open",
            ["due"],
            unique=False,
            sqlite_where=sa.text("done IS NULL"),
            postgresql_where=sa.text("done IS NULL"),
        )
        batch_op.create_index(
            "demand_person",
            ["person"],
            unique=False,
            sqlite_where=sa.text("person IS NOT NULL"),
            postgresql_where=sa.text("person IS NOT NULL"),
        )

    op.create_table(
        "holds",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=256), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.String(length=128), nullable=False),
        sa.Column("placed", sa.BigInteger(), nullable=False),
        sa.Column("released", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("target IN ('asset', 'request', 'person')", name="hold_target"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index(
            "hold_active",
            ["target", "value"],
            unique=False,
            sqlite_where=sa.text("released IS NULL"),
            postgresql_where=sa.text("released IS NULL"),
        )

    op.create_table(
        "people",
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("restricted", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("person"),
    )
    op.create_table(
        "stores",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "assets",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("class", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("holds", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=True),
        sa.Column("person", sa.String(length=128), nullable=True),
        sa.Column("request", sa.String(length=256), nullable=True),
        sa.Column("purpose", sa.String(length=64), nullable=True),
        sa.Column("media_type", sa.String(length=64), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("deleted", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.String(length=64), nullable=True),
        sa.CheckConstraint("kind IN ('upload', 'output', 'log')", name="asset_kind"),
        sa.CheckConstraint(
            "media_type IS NULL OR media_type LIKE 'image/%' OR media_type LIKE 'video/%'"
            " OR (kind = 'log' AND media_type = 'application/json')",
            name="asset_media_type",
        ),
        sa.CheckConstraint("state <> 'deleted' OR (person IS NULL AND label IS NULL)", name="tombstone_has_no_content"),
        sa.CheckConstraint("state IN ('writing', 'kept', 'deleting', 'deleted')", name="asset_state"),
        sa.ForeignKeyConstraint(
            ["person"],
            ["people.person"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("assets", schema=None) as batch_op:
        batch_op.create_index(
            "asset_due",
            ["due"],
            unique=False,
            sqlite_where=sa.text("state = 'kept' AND holds = 0"),
            postgresql_where=sa.text("state = 'kept' AND holds = 0"),
        )
        batch_op.create_index(
            "asset_lease",
            ["lease"],
            unique=False,
            sqlite_where=sa.text("lease IS NOT NULL"),
            postgresql_where=sa.text("lease IS NOT NULL"),
        )
        batch_op.create_index("asset_person", ["person", "id"], unique=False)
        batch_op.create_index(
            "asset_request",
            ["request"],
            unique=False,
            sqlite_where=sa.text("request IS NOT NULL"),
            postgresql_where=sa.text("request IS NOT NULL"),
        )

    op.create_table(
        "objections",
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"],
            ["people.person"],
        ),
        sa.PrimaryKeyConstraint("person", "purpose"),
    )
    op.create_table(
        "person_keys",
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("master", sa.String(length=64), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"],
            ["people.person"],
        ),
        sa.PrimaryKeyConstraint("person"),
    )
    with op.batch_alter_table("person_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_keys_master"), ["master"], unique=False)

    op.create_table(
        "settings",
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("class", sa.String(length=64), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"],
            ["people.person"],
        ),
        sa.PrimaryKeyConstraint("person", "class"),
    )
    op.create_table(
        "asset_keys",
        sa.Column("asset", sa.String(length=32), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset"],
            ["assets.id"],
        ),
        sa.PrimaryKeyConstraint("asset"),
    )
    op.create_table(
        "held",
        sa.Column("hold", sa.String(length=32), nullable=False),
        sa.Column("asset", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset"],
            ["assets.id"],
        ),
        sa.ForeignKeyConstraint(
            ["hold"],
            ["holds.id"],
        ),
        sa.PrimaryKeyConstraint("hold", "asset"),
    )
    with op.batch_alter_table("held", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_held_asset"), ["asset"], unique=False)


def downgrade() -> None:
    """Back to the one before."""
    with op.batch_alter_table("held", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_held_asset"))

    op.drop_table("held")
    op.drop_table("asset_keys")
    op.drop_table("settings")
    with op.batch_alter_table("person_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_keys_master"))

    op.drop_table("person_keys")
    op.drop_table("objections")
    with op.batch_alter_table("assets", schema=None) as batch_op:
        batch_op.drop_index(
            "asset_request",
            sqlite_where=sa.text("request IS NOT NULL"),
            postgresql_where=sa.text("request IS NOT NULL"),
        )
        batch_op.drop_index("asset_person")
        batch_op.drop_index(
            "asset_lease", sqlite_where=sa.text("lease IS NOT NULL"), postgresql_where=sa.text("lease IS NOT NULL")
        )
        batch_op.drop_index(
            "asset_due",
            sqlite_where=sa.text("state = 'kept' AND holds = 0"),
            postgresql_where=sa.text("state = 'kept' AND holds = 0"),
        )

    op.drop_table("assets")
    op.drop_table("stores")
    op.drop_table("people")
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.drop_index(
            "hold_active", sqlite_where=sa.text("released IS NULL"), postgresql_where=sa.text("released IS NULL")
        )

    op.drop_table("holds")
    with op.batch_alter_table("demands", schema=None) as batch_op:
        batch_op.drop_index(
            "demand_person",
            sqlite_where=sa.text("person IS NOT NULL"),
            postgresql_where=sa.text("person IS NOT NULL"),
        )
        batch_op.drop_index(
            "demand_open", sqlite_where=sa.text("done IS NULL"), postgresql_where=sa.text("done IS NULL")
        )

    op.drop_table("demands")
