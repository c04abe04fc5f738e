"""The two quality gates: what is delivered (raw) and what is about to be published."""

import os

# Read by Great Expectations while it is imported, so it has to be set before anything else.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
