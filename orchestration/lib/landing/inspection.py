"""What a delivery must not hold, whatever its format: looked for while its rows are read.

Here are the faults that show that a file was spoilt on its way, so that none of its values can be
trusted. A wrong value in a sound file is no reason to refuse: decoding marks it as invalid.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.lib.codebook import Codebook, Variable, normalise_name
from orchestration.lib.landing.errors import DeliveryError

# UTF-8 read as cp1252 or as DOS text, and what stands for a character that got lost
GARBLED = (
    r"[ÃÂ][\x{80}-\x{BF}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â[€‚„]|ï»¿|[├┬][\x{2500}-\x{259F}áíóúñÑªº¿⌐¬½¼¡«»]"
    r"|\x{FFFD}"
)
# Excel takes a code for a number (`20E500` becomes 2.0E+503, `0512` becomes 512) or for a date
EATEN: Mapping[str, str] = {
    "school_code": r"^\s*([0-9]+|[0-9]+[.,]?[0-9]*[eE][+-]?[0-9]+|[0-9]+[.,][0-9]+"
    r"|[0-9][A-Za-z]{2}[0-9]{0,2}|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)\s*$",
    "board_code": r"^\s*[0-9]+[.,]?[0-9]*[eE][+-]?[0-9]+\s*$",
}


CODE_LIKE = re.compile(r"[0-9][A-Za-z]{2}[0-9]{0,2}|[0-9.,]+[eE][+-]?[0-9]+")


def is_garbled(words: str) -> bool:
    """Whether a text shows that its encoding was mistaken, as `coÃ¶rdinator` does."""
    return bool(pc.match_substring_regex(pa.array([words]), GARBLED)[0].as_py())


class Inspector:
    """Looks at the columns of one delivery, batch after batch.

    Args:
        name: the file as messages name it.
        columns: headers as delivered, in the order of the file.
        variables: what each column is.
    """

    def __init__(self, name: str, columns: Sequence[str], variables: Sequence[Variable]) -> None:
        self._name, self._columns, self._variables = name, columns, variables
        self._rows = 0
        self._garbled_answers = self._accented_answers = 0
        self._first_garbled: tuple[str, int] | None = None

    def look(self, arrays: Sequence[pa.StringArray]) -> None:
        """Inspect the next rows.

        Raises:
            DeliveryError: a NUL, garbled accents, or a code that Excel has eaten.
        """
        for column, variable, array in zip(self._columns, self._variables, arrays, strict=True):
            if variable.role == "ignore" or array.null_count == len(array):
                continue
            if (place := _first(pc.match_substring(array, "\0"))) is not None:
                self._refuse(
                    column, place, "holds a NUL character",
                    "Take it out, or deliver a file that is not damaged.",
                )  # fmt: skip
            if not _is_ascii(array):
                self._look_for_garbled(column, variable, array)
            if pattern := EATEN.get(variable.attribute):
                eaten = _first(pc.match_substring_regex(array, pattern))
                if eaten is not None:
                    value = array[eaten].as_py().strip()
                    # a number or a date may be that of a person, when columns are shifted
                    spoilt = repr(value) if CODE_LIKE.fullmatch(value) else "a number or a date"
                    self._refuse(
                        column, eaten,
                        f"holds {spoilt}, where a code such as 05AB00 belongs. "
                        "Excel takes such codes for numbers or dates and drops zeros",
                        "Format the column as text before the codes are filled in, and deliver "
                        "again; opening the file as it is does not bring them back.",
                    )  # fmt: skip
        self._rows += len(arrays[0])

    def _look_for_garbled(self, column: str, variable: Variable, array: pa.StringArray) -> None:
        garbled = pc.match_substring_regex(array, GARBLED)
        place = _first(garbled)
        if variable.role != "open_text":
            if place is not None:
                self._refuse_garbled(column, self._rows + place + 1)
            return
        # somebody may have pasted a garbled text: only when most accents are, it is the file
        self._garbled_answers += garbled.true_count
        self._accented_answers += pc.match_substring_regex(array, r"[^\x00-\x7F]").true_count
        if place is not None and self._first_garbled is None:
            self._first_garbled = column, self._rows + place + 1

    def conclude(self) -> None:
        """Judge what only the whole file can tell.

        Raises:
            DeliveryError: most open answers with accents are garbled.
        """
        if self._first_garbled and 2 * self._garbled_answers > self._accented_answers:
            self._refuse_garbled(*self._first_garbled)

    def _refuse_garbled(self, column: str, row: int) -> NoReturn:
        raise DeliveryError(
            f"{self._name}: column {column!r}, data row {row}: accents are garbled, as in "
            "'coÃ¶rdinator' for 'coördinator'. The file was read in a wrong encoding before it was "
            "saved: export it again as UTF-8, or state its encoding in delivery.yml."
        )

    def _refuse(self, column: str, place: int, what: str, remedy: str) -> NoReturn:
        raise DeliveryError(
            f"{self._name}: column {column!r}, data row {self._rows + place + 1}: {what}. {remedy}"
        )


def _first(mask: pa.BooleanArray) -> int | None:
    """The place of the first true, if any."""
    place = pc.index(mask, True).as_py()
    return place if place >= 0 else None


def _is_ascii(array: pa.StringArray) -> bool:
    return bool(pc.all(pc.string_is_ascii(array)).as_py())


def check_headers(name: str, columns: Sequence[str]) -> None:
    """Refuse headers with garbled accents, which would be unknown columns without the reason.

    Raises:
        DeliveryError: a header is garbled.
    """
    for position, column in enumerate(columns, 1):
        if is_garbled(column):
            raise DeliveryError(
                f"{name}: the header of column {position} has garbled accents, as in "
                "'coÃ¶rdinator' for 'coördinator'. Export the file again as UTF-8, or state its "
                "encoding in delivery.yml."
            )


def check_value_labels(
    name: str,
    found: Mapping[str, Mapping[str, str]],
    columns: Sequence[str],
    variables: Sequence[Variable],
    codebook: Codebook,
) -> None:
    """Compare the value labels in the file with the codebook: do codes mean the same?

    A label that is that of another code is refused, and a scale that fits the codebook better from
    back to front: it would turn every figure round. The raw gate judges labels in other words.

    Args:
        found: column → code → label, as delivered.

    Raises:
        DeliveryError: naming column, code, and the labels found and expected.
    """
    for column, variable in zip(columns, variables, strict=True):
        labels = found.get(column, {})
        expected = codebook.delivered_labels(variable)
        if not labels or not expected:
            continue
        codes = {words: code for code, accepted in expected.items() for words in accepted}
        for code, label in labels.items():
            other = codes.get(normalise_name(label))
            if other not in (None, code):
                _refuse_label(name, column, code, label, expected, other, variable)
        turned = codebook.delivered_labels(variable, turned=True)
        if _fit(labels, turned) > _fit(labels, expected):
            code = next(code for code in labels if code in expected)
            _refuse_label(name, column, code, labels[code], expected, None, variable)


def _fit(labels: Mapping[str, str], expected: Mapping[str, Sequence[str]]) -> float:
    """How alike the labels are to those expected: the sum of the ratios of equal letters."""
    return sum(
        difflib.SequenceMatcher(None, normalise_name(labels[code]), accepted[0]).ratio()
        for code, accepted in expected.items()
        if code in labels
    )


def _refuse_label(
    name: str,
    column: str,
    code: str,
    label: str,
    expected: Mapping[str, Sequence[str]],
    other: str | None,
    variable: Variable,
) -> NoReturn:
    belongs = f"expects {expected[code][0].replace('_', ' ')!r}" if code in expected else "has none"
    elsewhere = f" (it has this label at code {other})" if other else ""
    raise DeliveryError(
        f"{name}: column {column!r}, code {code}: the label in the file is {label!r}, where the "
        f"codebook {belongs}{elsewhere}. Look which is right: correct the labels and deliver "
        f"again, or correct `scale` or `is_reversed` of {variable.variable!r} in "
        "seeds/codebook/variables.csv."
    )
