"""The codebook as Python needs it: which columns a delivery of a wave and group has.

The CSV files in `seeds/` are the only source; dbt loads the same files.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestration.lib.settings import ROOT


def read_seed(name: str, root: Path | None = None) -> list[dict[str, str]]:
    """Rows of the seed `name` (such as `codebook/variables`), every value as text.

    Raises:
        FileNotFoundError: there is no such seed.
    """
    with ((root or ROOT) / "seeds" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def normalise_name(text: str) -> str:
    """Column header or file stem as a plain name: `BRIN en vestiging` → `brin_en_vestiging`."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", ascii_text.lower()).strip("_")


@dataclass(frozen=True)
class Variable:
    """A column of the deliveries of one wave and group."""

    variable: str
    column_name: str
    role: str
    attribute: str
    scale: str = ""
    answers_as: str = ""
    is_reversed: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the column stays in `raw`: open text lives apart, ignored columns nowhere."""
        return self.role not in ("open_text", "ignore")


class Codebook:
    """Waves, groups and variables, read from the seeds below `root`."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    @cached_property
    def waves(self) -> list[str]:
        """Wave ids in order of measurement."""
        rows = read_seed("codebook/waves", self._root)
        return [
            row["wave_id"] for row in sorted(rows, key=lambda row: int(row["measurement_number"]))
        ]

    @cached_property
    def groups(self) -> list[str]:
        """Respondent groups in the order of the codebook."""
        return [
            row["respondent_group"] for row in read_seed("codebook/respondent_groups", self._root)
        ]

    @cached_property
    def group_names(self) -> dict[str, str]:
        """Every name under which an agency may deliver a group → the group."""
        synonyms = {
            normalise_name(row["synonym"]): row["respondent_group"]
            for row in read_seed("codebook/group_synonyms", self._root)
        }
        return synonyms | {group: group for group in self.groups}

    @cached_property
    def _variables(self) -> dict[tuple[str, str], list[Variable]]:
        grouped: dict[tuple[str, str], list[Variable]] = {}
        for row in read_seed("codebook/variables", self._root):
            grouped.setdefault((row["wave_id"], row["respondent_group"]), []).append(
                Variable(
                    row["variable"],
                    row["column_name"],
                    row["role"],
                    row["attribute"],
                    row.get("scale", ""),
                    row.get("answers_as", ""),
                    row.get("is_reversed") == "true",
                )
            )
        return grouped

    def variables(self, wave_id: str, respondent_group: str) -> list[Variable]:
        """The columns that a delivery must have; empty when the group was not asked."""
        return self._variables.get((wave_id, respondent_group), [])

    @cached_property
    def _synonyms(self) -> list[dict[str, str]]:
        try:
            return read_seed("codebook/column_synonyms", self._root)
        except FileNotFoundError:  # a codebook without synonyms needs no file
            return []

    def headers(self, wave_id: str, respondent_group: str) -> dict[str, Variable]:
        """Every header, as plain name, under which an agency may deliver a column → the column.

        A column's own name is never another column's synonym. A synonym is that of a variable of
        one wave and group, or of an attribute wherever one column has it.
        """
        variables = self.variables(wave_id, respondent_group)
        attributes = Counter(variable.attribute for variable in variables)
        own = {normalise_name(variable.column_name): variable for variable in variables}
        synonyms = {
            normalise_name(row["synonym"]): variable
            for row in self._synonyms
            for variable in variables
            if (row["wave_id"], row["respondent_group"], row["variable"])
            == (wave_id, respondent_group, variable.variable)
            or (
                row["attribute"] == variable.attribute != "" and attributes[variable.attribute] == 1
            )
        }
        return synonyms | own

    @cached_property
    def _options(self) -> dict[str, list[dict[str, str]]]:
        grouped: dict[str, list[dict[str, str]]] = {}
        for row in read_seed("codebook/scale_options", self._root):
            grouped.setdefault(row["scale"], []).append(row)
        return grouped

    def delivered_labels(
        self, variable: Variable, *, turned: bool = False
    ) -> dict[str, tuple[str, str]]:
        """Code as delivered → its Dutch and English label as plain names.

        Empty for a column without codes. A reversed question, or `turned`, has the substantive
        codes of its scale from back to front.
        """
        if not variable.scale or variable.answers_as == "label":
            return {}
        options = self._options.get(variable.scale, [])
        codes = sorted((row["value"] for row in options if not row["missing_reason"]), key=int)
        meant = codes[::-1] if variable.is_reversed != turned else codes
        delivered = dict(zip(meant, codes, strict=True))
        return {
            delivered.get(row["value"], row["value"]): (
                normalise_name(row["label_nl"]),
                normalise_name(row["label_en"]),
            )
            for row in options
        }

    def raw_columns(self, respondent_group: str) -> list[str]:
        """Columns of `raw.<respondent_group>`: the kept variables of all waves, each once."""
        variables: Iterable[Variable] = (
            variable
            for (_, group), rows in self._variables.items()
            if group == respondent_group
            for variable in rows
            if variable.is_kept
        )
        return list(dict.fromkeys(variable.variable for variable in variables))
