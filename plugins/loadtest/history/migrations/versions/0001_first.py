"""Runs, their metrics and findings, and acknowledgements."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NAME = sa.String(128)
ENDPOINT = sa.String(500)


def upgrade() -> None:
    op.create_table(
        "loadtest_runs",
        sa.Column("run_id", NAME, primary_key=True),
        sa.Column("scenario", NAME, nullable=False),
        sa.Column("environment", NAME, nullable=False),
        sa.Column("profile", NAME, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20)),
        sa.Column("evidence", sa.String(20)),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("digest", NAME),
        sa.Column("host_class", sa.Text()),
        sa.Column("commit", NAME),
        sa.Column("branch", sa.Text()),
        sa.Column("repository", sa.Text()),
        sa.Column("pull_request", sa.Integer()),
        sa.Column("trigger_kind", sa.String(20)),
        sa.Column("trigger_by", sa.Text()),
        sa.Column("slowdown", sa.Text()),
        sa.Column("confirms", NAME),
        sa.Column("blocking", sa.Boolean(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("users", sa.Integer()),
        sa.Column("steady_s", sa.Double()),
        sa.Column("requests", sa.BigInteger()),
        sa.Column("errors", sa.BigInteger()),
        sa.Column("baseline_version", sa.Integer()),
        sa.Column("summary", sa.Text()),
        sa.Column("folder", sa.Text()),
        sa.Column("airflow_url", sa.Text()),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
    )
    op.create_index("ix_loadtest_runs_series", "loadtest_runs", ["scenario", "environment", "profile", "started_at"])
    op.create_index("ix_loadtest_runs_started_at", "loadtest_runs", ["started_at"])
    op.create_index("ix_loadtest_runs_confirms", "loadtest_runs", ["confirms"])

    op.create_table(
        "loadtest_run_metrics",
        sa.Column("run_id", NAME, sa.ForeignKey("loadtest_runs.run_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("endpoint", ENDPOINT, primary_key=True),
        sa.Column("metric", sa.String(60), primary_key=True),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("n", sa.BigInteger()),
        sa.Column("variance", sa.Double()),
    )
    op.create_index("ix_loadtest_run_metrics_series", "loadtest_run_metrics", ["endpoint", "metric", "run_id"])

    op.create_table(
        "loadtest_run_findings",
        sa.Column("run_id", NAME, sa.ForeignKey("loadtest_runs.run_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("criterion", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("endpoint", ENDPOINT),
        sa.Column("metric", sa.String(60)),
        sa.Column("observed", sa.Double()),
        sa.Column("reference", sa.Double()),
        sa.Column("effect", sa.Double()),
        sa.Column("interval_low", sa.Double()),
        sa.Column("interval_high", sa.Double()),
        sa.Column("p_adjusted", sa.Double()),
        sa.Column("n", sa.BigInteger()),
        sa.Column("suspect", sa.Boolean(), nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("mute_reason", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
    )
    op.create_index("ix_loadtest_run_findings_outcome", "loadtest_run_findings", ["outcome", "criterion"])

    op.create_table(
        "loadtest_acknowledgements",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("scenario", NAME),
        sa.Column("environment", NAME),
        sa.Column("profile", NAME),
        sa.Column("run_id", NAME),
        sa.Column("endpoint", ENDPOINT),
        sa.Column("metric", sa.String(60)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("withdrawn_at", INSTANT),
        sa.Column("withdrawn_by", sa.Text()),
    )
    op.create_index("ix_loadtest_acknowledgements_run", "loadtest_acknowledgements", ["run_id"])
    op.create_index("ix_loadtest_acknowledgements_kind", "loadtest_acknowledgements", ["kind", "scenario", "environment"])


def downgrade() -> None:
    for table in ("loadtest_acknowledgements", "loadtest_run_findings", "loadtest_run_metrics", "loadtest_runs"):
        op.drop_table(table)
