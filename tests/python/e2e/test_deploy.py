"""What `deploy/` says starts, answers, and is found unwell when it does not.

No container engine runs here: of Containerfile and compose.yaml is tested that what they name
exists. The units' commands are run as they stand, in other folders; as in both, the code is
read-only to them, where a test may show it so.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml
from fixtures.daemon import ending, wait_until

from orchestration.lib.settings import ROOT

DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
# in a view of the disk of its own, a process finds the code read-only
READ_ONLY = "mount --bind {0} {0} && mount -o remount,bind,ro {0} && cd {0}"
APART = ("unshare", "--mount", "--map-root-user", "/bin/sh", "-c")
SERVICES = ("code", "webserver", "daemon")


def _unit(service: str, folder: Path, code: Path = ROOT) -> str:
    """A unit whose code is in `code` and whose data are below `folder`."""
    text = (DEPLOY / "systemd" / f"monitor-{service}.service").read_text(encoding="utf-8")
    return (
        text.replace("/opt/monitor/.venv/bin", str(BIN))
        .replace("/opt/monitor", str(code))
        .replace("/var/lib/monitor", str(folder))
        .replace("/etc/monitor", str(DEPLOY))
    )


def _value(unit: str, key: str) -> str:
    (value,) = (line.split("=", 1)[1] for line in unit.splitlines() if line.startswith(f"{key}="))
    return value


def _env(folder: Path) -> dict[str, str]:
    text = (DEPLOY / "monitor.env").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    values = dict(line.split("=", 1) for line in lines)
    return os.environ | {
        key: value.replace("/var/lib/monitor", str(folder)) for key, value in values.items()
    }


def _health(folder: Path, *services: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEPLOY / "health.py"), *services],
        env=_env(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip


@contextmanager
def _service(
    service: str, folder: Path, code: Path, **more_env: str
) -> Iterator[subprocess.Popen[bytes]]:
    unit = _unit(service, folder, code)
    # as systemd does: the services side by side, each with what comes before it
    before, command = (shlex.join(shlex.split(_value(unit, f"ExecStart{x}"))) for x in ("Pre", ""))
    *shell, start = _shell(code)
    with (folder / f"{service}.log").open("wb") as log:
        process = subprocess.Popen(
            [*shell, f"{start} && {before} && exec {command}"],
            env=_env(folder) | more_env, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        with ending(process):
            yield process


def _shell(code: Path) -> list[str]:
    """A shell to which the code is read-only, or a plain one where mounts are not allowed."""
    folder = shlex.quote(str(code))
    read_only = [*APART, READ_ONLY.format(folder)]
    try:
        subprocess.run(read_only, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return ["/bin/sh", "-c", f"cd {folder}"]
    return read_only


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def code(project: Path) -> Path:
    """Code as a server has it, where the ports are free."""
    if taken := [port for port in (3000, 4000) if not _is_free(port)]:
        pytest.skip(f"ports {taken} are in use")
    return project


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".service":
            text = _unit(path.stem.removeprefix("monitor-"), tmp_path)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    result = subprocess.run(
        ["systemd-analyze", "verify", *(str(path) for path in tmp_path.glob("monitor-*"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "monitor-" not in result.stderr, result.stderr


def test_containers_run_what_is_there() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert set(compose["services"]) == set(SERVICES)
    image = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    default = next(line for line in image.splitlines() if line.startswith("CMD "))
    for name, service in compose["services"].items():
        command = service.get("command") or json.loads(default.removeprefix("CMD "))
        # as the unit of the same service, but for the address that it listens on
        in_unit = shlex.split(_value(_unit(name, Path("/x")), "ExecStart"))
        assert [Path(in_unit[0]).name, *in_unit[1:]] == [
            "127.0.0.1" if word == "0.0.0.0" else word for word in command
        ]
        assert (BIN / command[0]).exists()
        assert service["healthcheck"]["test"] == ["CMD", "python", "deploy/health.py", name]
        assert service["user"] == "monitor"
        assert service["volumes"] == ["monitor:/var/lib/monitor"]
    assert image.index("USER monitor") < image.index("CMD ")
    entrypoint = DEPLOY / "entrypoint.sh"
    assert f'ENTRYPOINT ["/opt/monitor/{entrypoint.relative_to(ROOT)}"]' in image
    assert os.access(entrypoint, os.X_OK)


def test_the_services_start_and_are_well(tmp_path: Path, code: Path) -> None:
    with ExitStack() as stack:
        running = {name: stack.enter_context(_service(name, tmp_path, code)) for name in SERVICES}
        wait_until(
            lambda: not _health(tmp_path, *SERVICES).returncode, 240, "all services are well",
            tmp_path / "code.log",
        )  # fmt: skip
        # what runs writes below the folder of the data only
        assert (tmp_path / "target" / "manifest.json").exists()
        assert (tmp_path / "dagster" / "dagster.yaml").exists()

        for name in ("webserver", "code"):
            running[name].terminate()
            running[name].wait(timeout=60)
            result = _health(tmp_path, name)
            assert result.returncode == 1
            assert f"not well: {name}" in result.stderr


def test_code_that_does_not_load_is_found_unwell(tmp_path: Path, code: Path) -> None:
    (tmp_path / "no_folder").touch()
    with (
        _service("code", tmp_path, code, DBT_TARGET_PATH=str(tmp_path / "no_folder")),
        _service("webserver", tmp_path, code),
    ):
        wait_until(
            lambda: "dbt cannot parse" in _health(tmp_path, "webserver").stderr, 240,
            "the reason is told", tmp_path / "webserver.log",
        )  # fmt: skip
        result = _health(tmp_path, "webserver")
        assert result.returncode == 1
        assert "code location doelstellingenmonitor: " in result.stderr
        assert "no_folder" in result.stderr
        assert "not well: webserver" in result.stderr
