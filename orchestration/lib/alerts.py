"""Tell whoever is on duty what went wrong, why, and what to do: by webhook, by mail, or both.

A message that cannot be sent is logged and never stops a run.
"""

from __future__ import annotations

import json
import logging
import smtplib
import ssl
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from orchestration.lib.settings import Settings

logger = logging.getLogger("monitor")

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Alert:
    """One message: what happened, why, and the way out."""

    what: str
    why: str
    remedy: str

    def text(self) -> str:
        return f"{self.what}\n\nWhy: {self.why}\n\nWhat to do: {self.remedy}\n"


def _post(alert: Alert, url: str) -> None:
    """`text` is what Slack, Teams and Mattermost show; the parts stand beside it."""
    content = {
        "text": alert.text(),
        "what": alert.what,
        "why": alert.why,
        "remedy": alert.remedy,
    }
    request = urllib.request.Request(
        url,
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
        pass


def _mail(alert: Alert, url: str, sender: str, recipients: list[str]) -> None:
    """By SMTP: `smtp://[user:password@]host[:port]`, or `smtps://` for TLS from the start."""
    parts = urlsplit(url)
    message = EmailMessage()
    message["Subject"] = f"Doelstellingenmonitor: {alert.what}"
    message["From"], message["To"] = sender, ", ".join(recipients)
    message.set_content(alert.text())
    host, context = parts.hostname or "localhost", ssl.create_default_context()
    with (
        smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context)
        if parts.scheme == "smtps"
        else smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT_SECONDS)
    ) as server:
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)


def send(alert: Alert, settings: Settings) -> list[str]:
    """Send to every channel that the settings name; returns those that took it."""
    logger.warning("%s %s", alert.what, alert.why)
    channels: dict[str, Callable[[], None]] = {}
    if settings.alert_webhook:
        url = settings.alert_webhook.get_secret_value()
        channels["webhook"] = lambda: _post(alert, url)
    if settings.alert_smtp:
        server = settings.alert_smtp.get_secret_value()
        recipients = [part.strip() for part in settings.alert_recipients.split(",") if part.strip()]
        channels["mail"] = lambda: _mail(alert, server, settings.alert_sender, recipients)
    reached = []
    for channel, deliver in channels.items():
        try:
            deliver()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # the address may hold a password, so that it is not repeated
            logger.error("alert could not be sent by %s: %s", channel, type(error).__name__)
        else:
            reached.append(channel)
    return reached
