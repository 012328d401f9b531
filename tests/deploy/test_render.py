"""Missing overlays, overlays that kustomize refuses, and clusters that do not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.deploy import kubectl
from drydock.deploy.errors import NoCluster, NoOverlay, RenderFailed
from drydock.deploy.render import render
from tests.conftest import MakeProject

OVERLAY = "deploy/kubernetes/overlays/local/kustomization.yaml"
# The discard port: no server listens there.
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: away
contexts: [{name: away, context: {cluster: away, user: nobody}}]
clusters: [{name: away, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
"""


def test_an_unknown_overlay_lists_the_known_ones(make_project: MakeProject) -> None:
    project = make_project({OVERLAY: "resources: []\n"})

    with pytest.raises(NoOverlay, match=r"there is no overlay 'prod'; use one of local$"):
        render(project, "prod")


def test_what_kustomize_refuses_is_named_in_one_line(make_project: MakeProject) -> None:
    project = make_project({OVERLAY: "resources: [missing.yaml]\n"})

    with pytest.raises(RenderFailed, match=r"kustomize refuses .*/local: .*missing\.yaml"):
        render(project, "local")


def test_a_cluster_that_is_away_is_named_by_its_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))

    with pytest.raises(NoCluster, match=r"no cluster answers at context 'away': .*refused"):
        kubectl.connect()


def test_without_a_kubeconfig_there_is_no_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    with pytest.raises(NoCluster, match="no cluster answers at context 'no context'"):
        kubectl.connect()


def test_a_cluster_that_goes_away_or_forbids_to_look_is_named_and_no_bug(tmp_path: Path) -> None:
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\necho 'Error from server (Forbidden): pods is forbidden' >&2; exit 1\n")
    program.chmod(0o755)

    with pytest.raises(NoCluster, match=r"'harbour': Error from server \(Forbidden\): pods is forbidden"):
        kubectl.Kubectl(program, "harbour").items("pods")
