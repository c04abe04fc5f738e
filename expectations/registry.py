"""Every check of the two gates in one table: what must hold, how strictly, and what to do if not.

The suites say how each check is measured; a check without a row here cannot run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Check:
    """One rule of a gate.

    `limit` is the largest share (0-1) of offending values that still passes. An `error` stops
    what comes after the gate, a `warning` is reported. `rule` may name the limit, its complement
    `rest`, and figures that the suite takes from the codebook.
    """

    name: str
    rule: str
    remedy: str
    limit: float = 0.0
    severity: Severity = "error"

    def expects(self, **figures: float) -> str:
        """The rule as a sentence.

        Raises:
            KeyError: the rule names a figure that is not given.
        """
        return self.rule.format(limit=self.limit, rest=1 - self.limit, **figures)


REDELIVER = "Ask the agency for a corrected file."
CODEBOOK = (
    "Ask the agency for a corrected file, or correct `scale`, `answers_as` or `missing_codes` "
    "of the column in seeds/codebook/variables.csv."
)
MART = "Correct the model that makes the figure and run the refresh again; nothing was published."
DISCLOSURE = (
    "Correct the disclosure control in models/marts/published and run the refresh again; "
    "nothing was published."
)

RAW = (
    Check("has_rows", "The file has at least one row.", REDELIVER),
    Check(
        "rows_within_population",
        "There are no more rows than the {population} people in the population.",
        "Look for respondents delivered twice, or correct seeds/codebook/populations.csv.",
        severity="warning",
    ),
    Check(
        "login_is_present",
        "Every row has a login: without it, duplicates cannot be found.",
        REDELIVER,
    ),
    Check(
        "login_is_unique",
        "At most {limit:.0%} of the rows repeat a login (of which only the best row is kept).",
        REDELIVER,
        limit=0.10,
    ),
    Check(
        "answers_are_in_codebook",
        "At least {rest:.0%} of the answers to every question are a code or label of its scale.",
        CODEBOOK,
        limit=0.02,
    ),
    Check(
        "background_is_in_codebook",
        "At least {rest:.0%} of the values of every background column are a code or label of its scale.",
        CODEBOOK,
        limit=0.02,
    ),
    Check(
        "data_source_is_a_number",
        "The data source, by which rows are left out, is a number.",
        "Look whether the columns are shifted. " + REDELIVER,
    ),
    Check(
        "rows_are_complete",
        "At least {rest:.0%} of the rows have a moment of completion.",
        "Ask the agency whether this is an export made during the fieldwork.",
        limit=0.50,
    ),
    Check(
        "test_records_are_few",
        "At most {limit:.0%} of the rows are test records (which are left out).",
        "Ask the agency whether these are test records indeed.",
        limit=0.10,
        severity="warning",
    ),
    Check(
        "answers_are_present",
        "At most {limit:.0%} of the answers to every core question are missing.",
        "Look for a question that was routed or dropped, and correct `is_core` or `routed_by` "
        "in seeds/codebook/variables.csv.",
        limit=0.30,
        severity="warning",
    ),
)

PUBLICATION = (
    Check("shares_are_shares", "Every published share lies between 0 and 1.", MART),
    Check("means_are_on_scale", "Every published mean lies on the indicator's scale.", MART),
    Check(
        "suppressed_figures_are_empty",
        "A suppressed row carries no figure and says why it is suppressed.",
        DISCLOSURE,
    ),
    Check(
        "published_figures_are_present",
        "A row that is not suppressed has an estimate and no reason for suppression.",
        DISCLOSURE,
    ),
    Check(
        "counts_are_large_enough",
        "A published figure rests on at least {minimum} respondents.",
        DISCLOSURE,
    ),
    Check("counts_are_rounded", "Published counts are rounded to a multiple of {multiple}.", DISCLOSURE),
    Check(
        "no_identifiable_swv_figures",
        "Groups whose answers point at a person have no figures per samenwerkingsverband.",
        DISCLOSURE,
    ),
    Check(
        "waves_are_closed",
        "Only closed waves are published.",
        "Set `closed_at` in seeds/codebook/waves.csv, or keep the wave out of "
        "models/marts/published.",
    ),
    Check(
        "goals_are_covered",
        "Every published wave has figures on all {goals} goals.",
        "Look for a group whose delivery is missing or refused.",
    ),
    Check(
        "questions_are_covered",
        "Every indicator that a delivered group was asked has its headline figure.",
        "Look for a question missing in the delivery, or correct "
        "seeds/codebook/indicator_groups.csv.",
    ),
    Check("weights_average_one", "The weights of each group and wave have mean 1.", MART),
    Check(
        "weights_are_positive",
        "Every respondent has a positive weight.",
        "Look for a stratum without a row in seeds/codebook/populations.csv.",
    ),
    Check(
        "weights_are_moderate",
        "No weight exceeds {maximum}.",
        "Join small strata in seeds/codebook/populations.csv, or accept the loss of precision.",
        severity="warning",
    ),
    Check("response_rates_are_rates", "Every response rate lies between 0 and 1.", MART),
    Check(
        "statements_rest_on_published_figures",
        "No summary statement rests on a suppressed or unknown figure.",
        DISCLOSURE,
    ),
)

CHECKS = {check.name: check for check in (*RAW, *PUBLICATION)}
