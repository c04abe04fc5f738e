"""When deliveries are judged anew: the raw gate with a worker that only notes what it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.codebook import Codebook, previous_delivery
from orchestration.lib import codebook
from orchestration.lib.gates import judge_deliveries
from orchestration.lib.landing.register import withdraw
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import connect, prepare

WAVES = ("2022-voorjaar", "2023-najaar", "2024-najaar")
GROUP = "leraar"


class NotingWorker:
    """Passes every delivery but those in `refuses`; `asked` has the waves of each request."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.refuses: set[str] = set()

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append([delivery["wave_id"] for delivery in request["deliveries"]])
        with duckdb.connect(request["warehouse"], read_only=True) as connection:
            return {"results": [self._result(connection, one) for one in request["deliveries"]]}

    def _result(
        self, connection: duckdb.DuckDBPyConnection, delivery: dict[str, Any]
    ) -> dict[str, Any]:
        wave_id = delivery["wave_id"]
        past = previous_delivery(connection, Codebook(), wave_id, GROUP)
        return {
            "gate": "raw",
            "suite": f"raw.{GROUP}",
            "expectation": "has_rows",
            "wave_id": wave_id,
            "respondent_group": GROUP,
            "delivery_id": delivery["delivery_id"],
            "compared_with": past[1] if past else None,
            "severity": "error",
            "success": wave_id not in self.refuses,
            "observed_value": "some rows",
            "unexpected_count": 0,
            "message": "There are rows.",
        }


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MONITOR_WAREHOUSE", str(tmp_path / "monitor.duckdb"))
    monkeypatch.setenv("MONITOR_DATA_DOCS", str(tmp_path / "data_docs"))
    settings = Settings()
    with connect(settings.warehouse) as connection:
        prepare(connection, codebook.Codebook())
    return settings


def land(settings: Settings, wave_id: str) -> None:
    with connect(settings.warehouse) as connection:
        connection.execute(
            "insert or replace into raw.deliveries (delivery_id, wave_id, respondent_group, "
            "file_name, sha256, size_bytes, row_count, landed_at, status, is_synthetic) "
            "values (?, ?, ?, 'file.csv', '', 0, 10, now(), 'landed', true)",
            [f"of {wave_id}", wave_id, GROUP],
        )


def judge(settings: Settings, worker: NotingWorker) -> list[list[str]]:
    """The waves of each request that judging makes."""
    worker.asked.clear()
    judge_deliveries(settings, worker)
    return list(worker.asked)


def test_what_is_compared_with_a_withdrawn_delivery_is_judged_anew(settings: Settings) -> None:
    worker = NotingWorker()
    for wave_id in WAVES:
        land(settings, wave_id)
    assert judge(settings, worker) == [list(WAVES)]
    assert judge(settings, worker) == []
    with connect(settings.warehouse) as connection:
        withdraw(connection, WAVES[1], GROUP)
    assert judge(settings, worker) == [[WAVES[2]]]
    assert judge(settings, worker) == []
    land(settings, WAVES[1])
    assert judge(settings, worker) == [[WAVES[1]], [WAVES[2]]]
    assert judge(settings, worker) == []


def test_what_is_compared_with_a_refused_delivery_is_judged_anew(settings: Settings) -> None:
    worker = NotingWorker()
    worker.refuses.add(WAVES[1])
    for wave_id in WAVES:
        land(settings, wave_id)
    assert judge(settings, worker) == [list(WAVES), [WAVES[2]]]
    assert judge(settings, worker) == []


def test_an_earlier_wave_that_comes_late_is_a_new_past(settings: Settings) -> None:
    worker = NotingWorker()
    land(settings, WAVES[2])
    assert judge(settings, worker) == [[WAVES[2]]]
    land(settings, WAVES[0])
    assert judge(settings, worker) == [[WAVES[0]], [WAVES[2]]]
