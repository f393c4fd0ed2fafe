"""The container files hold together; what they start runs, is healthy and stops when it is told to."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from helix import ConfigError
from openai_compat.cli import parser
from openai_compat.commands.engine_options import engine_config
from openai_compat.commands.serve import server_config
from openai_compat.metrics import EngineCollector
from openai_compat.server import bind
from tests.fakes import FakeEngine

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
MONITORING = Path("docker/monitoring/grafana")
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")


def instruction(name: str) -> list[str]:
    """Return an instruction of the Dockerfile that is written as a list."""
    found = re.search(rf"^{name} (?:.*\\\n\s*CMD )?(\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found, name
    words: list[str] = json.loads(found[1])
    return words


@pytest.mark.skipif(HADOLINT is None, reason="hadolint has no package for this platform")
def test_the_dockerfile_passes_the_linter() -> None:
    assert HADOLINT is not None
    done = subprocess.run([HADOLINT, str(ROOT / "docker" / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_into_the_image_is_there_and_not_ignored() -> None:
    ignored = (ROOT / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [word for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()]
    sources = [word for word in sources if not word.startswith("./")]
    for source in dict.fromkeys(sources):
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored
    assert {"helix", "openai_compat", "pyproject.toml"} <= set(sources)


@pytest.mark.parametrize("name", ["helix", "helix-gpu"])
def test_a_service_is_built_from_a_stage_and_starts_a_command_that_exists(name: str) -> None:
    service = COMPOSE["services"][name]
    build = service["build"]
    assert (ROOT / "docker" / build["context"] / build["dockerfile"]).is_file()
    assert f" AS {build['target']}\n" in DOCKERFILE
    words = [re.sub(r"\$\{\w+:-(.*?)\}", r"\1", word) for word in service["command"]]
    options = parser().parse_args(words)
    config = server_config(options)
    assert engine_config(options).model.model == "helix-demo"
    assert config.host == "0.0.0.0"
    assert config.allow_no_key and all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["environment"]["HELIX_API_KEY"] == "${HELIX_API_KEY:-}"
    assert int(service["stop_grace_period"].removesuffix("s")) > config.drain_timeout_s
    assert service["volumes"] == [f"cache:{re.search('^VOLUME (.*)$', DOCKERFILE, re.MULTILINE)[1]}"]  # type: ignore[index]


def test_an_image_without_a_key_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELIX_API_KEY", raising=False)
    argv = instruction("CMD")
    with pytest.raises(ConfigError, match="HELIX_API_KEY"):
        bind(server_config(parser().parse_args([*argv, "--port", "0"])))
    monkeypatch.setenv("HELIX_API_KEY", "sk-1")
    bind(server_config(parser().parse_args([*argv, "--port", "0"]))).close()


def test_every_file_that_a_service_mounts_is_there() -> None:
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert (ROOT / "docker" / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    scraped = yaml.safe_load((ROOT / "docker/monitoring/prometheus.yml").read_text(encoding="utf-8"))
    targets = scraped["scrape_configs"][0]["static_configs"][0]["targets"]
    assert [target.partition(":")[0] for target in targets] == ["helix", "helix-gpu"]


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    """Every name in a query is one that /metrics gives, and every panel has the provisioned source."""
    metrics = list(EngineCollector(FakeEngine(), "m").collect())
    names = {sample.name for metric in metrics for sample in metric.samples}
    names |= {f"{metric.name}_total" for metric in metrics if metric.type == "counter"}  # those without samples yet
    source = yaml.safe_load((ROOT / MONITORING / "provisioning/datasources/prometheus.yaml").read_text("utf-8"))
    dashboard = json.loads((ROOT / MONITORING / "dashboards/helix.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == source["datasources"][0]["uid"]
        asked = {name for target in panel["targets"] for name in re.findall(r"helix:\w+", target["expr"])}
        assert asked and asked <= names, panel["title"]


def test_the_entry_point_runs_is_healthy_and_stops_at_the_images_signal() -> None:
    words = [*instruction("ENTRYPOINT"), *instruction("CMD")]
    assert words[:2] == ["helix", "serve"]
    command = [sys.executable, "-m", *words, "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        banner = ""
        for line in process.stdout:
            banner += line
            if "Ctrl-C" in line:
                break
        address = re.search(r"http://(127\.0\.0\.1:\d+)", banner)
        assert address, process.stderr.read()
        _, *health = instruction("HEALTHCHECK")
        check = [sys.executable, *(word.replace("127.0.0.1:8000", address[1]) for word in health)]
        assert subprocess.run(check, timeout=30, check=False).returncode == 0
        stop = re.search(r"^STOPSIGNAL (\w+)$", DOCKERFILE, re.MULTILINE)
        assert stop
        process.send_signal(signal.Signals[stop[1]])
        assert process.wait(timeout=30) == 0
        dead = subprocess.run(check, timeout=30, capture_output=True, check=False)
        assert dead.returncode != 0
