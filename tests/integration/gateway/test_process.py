"""The gateway as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from chassis.passport import generate_key
from gateway.bindings import SERVICES

TIMEOUT_S = 20


def start(environment: dict[str, str]) -> "subprocess.Popen[str]":
    variables = {**os.environ, **environment}
    return subprocess.Popen([sys.executable, "-m", "gateway"], env=variables, stderr=subprocess.PIPE, text=True)


class TestProcess:
    def test_it_serves_and_ends_well_when_told_to(self, tmp_path: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        environment = {f"{name.upper()}_ADDRESS": "127.0.0.1:9" for name in SERVICES} | {
            "PASSPORT_KEY": generate_key()[0],
            "OBJECTS_URL": tmp_path.as_uri(),
            "GATEWAY_LISTEN": address,
        }
        with start(environment) as process:
            try:
                wait_for(f"http://{address}/healthz")
                process.send_signal(signal.SIGTERM)
                assert process.wait(TIMEOUT_S) == 0
            finally:
                process.kill()

    def test_an_incomplete_environment_is_one_clear_line(self) -> None:
        with start({"PASSPORT_KEY": "", "OBJECTS_URL": ""}) as process:
            _, errors = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 2
        assert errors.startswith("gateway: ")
        assert "PASSPORT_KEY is not set" in errors
        assert errors.count("\n") == 1


def wait_for(url: str) -> None:
    until = time.monotonic() + TIMEOUT_S
    while time.monotonic() < until:
        try:
            if requests.get(url, timeout=1).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")
