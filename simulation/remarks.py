"""Open remarks as respondents write them: accents, quotation marks, semicolons, line breaks, and
now and then a telephone number or e-mail address that must never leave."""

from __future__ import annotations

import numpy as np

from simulation.questionnaires import Array

REMARK_RATE, CONTACT_RATE = 0.08, 0.003  # shares of all rows

REMARKS = (
    "De wachttijd bij jeugdhulp is te lang.",
    "Wij hebben goede ervaringen met het samenwerkingsverband; de lijnen zijn kort.",
    "Ik mis tijd om alles goed vast te leggen.",
    "Goed dat hier naar gevraagd wordt!",
    "De ib'er is een vast aanspreekpunt, dat helpt enorm.",
    "Er is één begeleider voor drie scholen; dat is te weinig.",
    "Het woord “maatwerk” klinkt mooi, maar in de klas merk ik er weinig van.",
    "Financiën zijn voor ons niet inzichtelijk.",
    "De overgang van po naar vo verdient meer aandacht",
    "Sommige leerlingen begeleid ik niet zelf; daar heb ik “weet niet” ingevuld.",
    "Hoogbegaafde leerlingen vallen bij ons tussen wal en schip.",
    "De coördinatie tussen gemeente en school verloopt sinds dit jaar beter.",
    "Reïntegratie na lang thuiszitten vraagt meer dan wij kunnen bieden.",
    "Prima zo.",
    "Geen opmerkingen",
    "Te veel formulieren: aanvraag, groeidocument, OPP, evaluatie…",
    "Collega's zijn betrokken, maar de groepen zijn te groot.",
    "Ouders worden bij ons altijd vóór het overleg gebeld.",
    "Vervoer blijft een probleem: 45 minuten in een busje is geen thuisnabij onderwijs.",
    "Wij zouden graag eerder worden meegenomen in beleid; nu horen we het achteraf.",
    "De enquête was prettig kort, dank u wel.",
    "Voor het so zijn deze vragen lastig te beantwoorden.",
)
CONTACTS = (
    "Bel gerust: 06-12345678.",
    "U kunt mij bereiken via noor.visser@example.nl",
    "Mijn nummer is 0612345678; liefst na 16.00 uur.",
    "Graag contact: j.bakker@example.org of 06 1234 5678.",
)


def draw_remarks(rng: np.random.Generator, count: int) -> Array:
    """A remark or None per row; a third of the remarks have two sentences, some on two lines."""
    remarks = np.full(count, None, dtype=object)
    for row in np.flatnonzero(rng.random(count) < REMARK_RATE):
        first, second = rng.choice(len(REMARKS), 2, replace=False)
        joint = rng.choice(["", "", "", "", " ", "\n"])
        remarks[row] = REMARKS[first] + (joint + REMARKS[second] if joint else "")
    for row in np.flatnonzero(rng.random(count) < CONTACT_RATE):
        remarks[row] = f"{remarks[row] or REMARKS[0]} {rng.choice(CONTACTS)}"
    return remarks
