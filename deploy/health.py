"""Is a service well? `python deploy/health.py code webserver daemon`; status 1 names who is not.

Used by the timer of systemd, and by the containers' health checks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

SECONDS = 30
BIN = Path(sys.executable).parent
LOCATIONS = """{workspaceOrError {... on Workspace {locationEntries {
    name locationOrLoadError {__typename ... on PythonError {message causes {message}}}}}}}"""


def _answers(*command: str) -> bool:
    return not subprocess.run([str(BIN / command[0]), *command[1:]], check=False).returncode


def code() -> bool:
    """The code location answers."""
    host = os.environ.get("MONITOR_CODE_HOST", "127.0.0.1")
    return _answers("dagster", "api", "grpc-health-check", "--host", host, "--port", "4000")


def webserver() -> bool:
    """The UI answers, and shows a code location that is loaded: `code` is silent about that."""
    request = urllib.request.Request(
        "http://127.0.0.1:3000/graphql",
        json.dumps({"query": LOCATIONS}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        locations = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    is_loaded = bool(locations)
    for location in locations:
        result = location["locationOrLoadError"] or {"message": "it is still loading"}
        if "message" in result:
            (*_, root) = [result, *result.get("causes", [])]
            print(f"code location {location['name']}: {root['message'].strip()}", file=sys.stderr)
            is_loaded = False
    return is_loaded


def daemon() -> bool:
    """All daemons have given a sign of life of late."""
    return _answers("dagster-daemon", "liveness-check")


SERVICES: dict[str, Callable[[], bool]] = {"code": code, "webserver": webserver, "daemon": daemon}


def main(names: list[str]) -> int:
    """0 when every named service is well; all of them when none is named."""
    unwell = []
    for name in names or SERVICES:
        try:
            is_well = SERVICES[name]()
        except (OSError, subprocess.SubprocessError, LookupError, TypeError, ValueError) as error:
            print(f"{name}: {error!r}", file=sys.stderr)
            is_well = False
        if not is_well:
            unwell.append(name)
    if unwell:
        print(f"not well: {', '.join(unwell)}", file=sys.stderr)
    return 1 if unwell else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
