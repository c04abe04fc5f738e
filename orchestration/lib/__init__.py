"""The work itself: plain, typed Python that imports no Dagster."""
