"""Alerts reach a real web server and a real mail server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from orchestration.lib.alerts import Alert, send
from orchestration.lib.settings import Settings

ALERT = Alert("Wave 2026-najaar is overdue", "nothing came.", "Ask the agency.")


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if self.path == "/hook" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()


@pytest.fixture
def mailbox() -> Iterator[tuple[str, list[Any]]]:
    taken: list[Any] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            taken.append(envelope)
            return "250 OK"

    with socket.socket() as probe:  # the controller wants to know its port beforehand
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}", taken
    controller.stop()


def _settings(tmp_path: Path, **more: Any) -> Settings:
    return Settings(landing=tmp_path, **more)


def test_a_webhook_gets_what_why_and_what_to_do(webhook: Any, tmp_path: Path) -> None:
    url, taken = webhook
    assert send(ALERT, _settings(tmp_path, alert_webhook=f"{url}/hook")) == ["webhook"]
    assert taken[0]["what"] == ALERT.what and taken[0]["remedy"] == ALERT.remedy
    assert all(part in taken[0]["text"] for part in (ALERT.what, ALERT.why, ALERT.remedy))


def test_mail_goes_to_all_recipients(mailbox: Any, tmp_path: Path) -> None:
    url, taken = mailbox
    settings = _settings(
        tmp_path, alert_smtp=url, alert_sender="monitor@example.nl",
        alert_recipients="dienst@example.nl, data@example.nl",
    )  # fmt: skip
    assert send(ALERT, settings) == ["mail"]
    assert taken[0].rcpt_tos == ["dienst@example.nl", "data@example.nl"]
    assert b"Ask the agency." in taken[0].content and b"overdue" in taken[0].content


def test_one_channel_that_fails_stops_neither_the_other_nor_the_run(
    webhook: Any, mailbox: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = _settings(
        tmp_path, alert_webhook=f"{webhook[0]}/secret-token", alert_smtp=mailbox[0],
        alert_recipients="dienst@example.nl",
    )  # fmt: skip
    assert send(ALERT, settings) == ["mail"]
    assert "secret-token" not in caplog.text


def test_without_channels_the_log_has_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert send(ALERT, _settings(tmp_path)) == []
    assert ALERT.what in caplog.text
