"""The image and the manifest for Kubernetes, as far as they can be checked without a cluster."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from imagetl_assets_tests.deploy.readme import commands
from testbed.processes import BIN, PROJECT

DEPLOY = PROJECT / "deploy"
MANIFEST = DEPLOY / "kubernetes" / "imagetl.yaml"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFEST.read_text()))


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] == kind}


def container(deployment: dict[str, Any]) -> dict[str, Any]:
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("item", OBJECTS, ids=lambda i: f"{i['kind']}/{i['metadata']['name']}")
def test_kubernetes_would_take_each_object(item: dict[str, Any]) -> None:
    kubernetes_validate.validate(item, kubernetes_validate.latest_version(), strict=True)


def test_there_is_a_deployment_for_each_process() -> None:
    usage = (DEPLOY / "serve").read_text().splitlines()[1].rpartition(" ")[2]
    deployments = of_kind("Deployment")
    assert sorted(deployments) == sorted(usage.split("|"))
    for name, deployment in deployments.items():
        assert container(deployment)["args"] == [name]


def test_each_service_leads_to_the_pods_of_its_name() -> None:
    for name, service in of_kind("Service").items():
        template = of_kind("Deployment")[name]["spec"]["template"]
        assert service["spec"]["selector"] == template["metadata"]["labels"]


def test_each_variable_is_one_of_the_settings() -> None:
    known = set(re.findall(r"^#?([A-Z][A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.M))
    for deployment in of_kind("Deployment").values():
        assert {variable["name"] for variable in container(deployment).get("env", [])} <= known


def test_the_ports_are_those_of_the_settings() -> None:
    serve = (DEPLOY / "serve").read_text()
    for service in of_kind("Service").values():
        for port in service["spec"]["ports"]:
            assert f":{port['port']}" in serve or f"={port['port']}" in serve


def test_the_image_is_written_well() -> None:
    done = subprocess.run(
        [BIN / "hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_image_has_all_that_it_copies() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", (DEPLOY / "Dockerfile").read_text(), re.M)
    let_through = (PROJECT / ".dockerignore").read_text()
    for name in " ".join(copied).split():
        assert (PROJECT / name).exists()
        assert f"!{name}\n" in let_through


def test_the_commands_name_files_that_are_there() -> None:
    for line in commands("Kubernetes"):
        for path in re.findall(r"(?:-f |=)(deploy/\S+)", line):
            assert (PROJECT / path).exists() or Path(path) == Path("deploy/env")


def test_the_port_that_is_forwarded_is_one_of_its_service() -> None:
    (line,) = [line for line in commands("Kubernetes") if " port-forward " in line]
    name, port = line.rpartition("service/")[2].split()
    assert int(port) in [each["port"] for each in of_kind("Service")[name]["spec"]["ports"]]


def test_kubectl_can_read_the_settings() -> None:
    """Unlike a shell, `--from-env-file` takes quotes and all that follows as the value."""
    lines = (DEPLOY / "env.example").read_text().splitlines()
    settings = [line for line in lines if line and not line.startswith("#")]
    assert settings
    assert [line for line in settings if not re.fullmatch(r"[A-Z_]+=[^\s'\"$]+", line)] == []
