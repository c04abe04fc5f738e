"""Dagster definitions (`defs`) and the plain Python they call (`lib`)."""
