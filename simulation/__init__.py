"""Simulated deliveries of the survey agency, written from the codebook alone.

The microdata of the real monitor are not public. These files have its shape, its sizes and its
blemishes (test records, duplicates, unfinished questionnaires), but no respondent exists, and
every `delivery.yml` says so.
"""

from simulation.deliveries import simulate

__all__ = ["simulate"]
