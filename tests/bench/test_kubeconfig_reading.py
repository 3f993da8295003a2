"""Kubeconfigs: what is read, and that what cannot be used is told with its file."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bench.kubeconfig import kubeconfig
from bench.kubeconfig_reading import KubeconfigError, read_kubeconfig
from bench.load.settings import Server

WHOLE = """\
apiVersion: v1
kind: Config
current-context: here
clusters:
- name: there
  cluster: {server: "https://other:6443"}
- name: here
  cluster:
    server: https://somewhere:6443/
    certificate-authority: ca.pem
contexts:
- name: here
  context: {cluster: here, user: me}
users:
- name: me
  user:
    token: secret
    client-certificate-data: %s
    client-key: key.pem
"""


def test_the_current_context_is_read(tmp_path: Path) -> None:
    file, scratch = tmp_path / "config", tmp_path / "scratch"
    scratch.mkdir()
    file.write_text(WHOLE % base64.b64encode(b"certificate").decode())

    server = read_kubeconfig(file, scratch)

    assert server == Server(
        url="https://somewhere:6443",
        token="secret",
        ca_file=str(tmp_path / "ca.pem"),
        certificate_file=str(scratch / "client-certificate.pem"),
        key_file=str(tmp_path / "key.pem"),
    )
    assert Path(server.certificate_file).read_bytes() == b"certificate"
    assert Path(server.certificate_file).stat().st_mode & 0o077 == 0


def test_our_own_kubeconfig_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(kubeconfig("http://127.0.0.1:8080"))
    assert read_kubeconfig(file, tmp_path) == Server("http://127.0.0.1:8080")


def test_a_token_file_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "config"
    (tmp_path / "token").write_text("secret\n")
    file.write_text(kubeconfig("http://x").replace('"user": {}', '"user": {"tokenFile": "token"}'))
    assert read_kubeconfig(file, tmp_path).token == "secret"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is no kubeconfig"),
        ("[]", "is no kubeconfig"),
        ("", "is no kubeconfig"),
        ("current-context: x\ncontexts: []", "no 'x' in contexts"),
        (kubeconfig("http://x").replace('"user": {}', '"user": {"exec": {}}'), "plug-ins"),
        (
            kubeconfig("http://x").replace('"user": {}', '"user": {"client-key-data": "!"}'),
            "is no kubeconfig",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_file(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)

    with pytest.raises(KubeconfigError, match=why) as caught:
        read_kubeconfig(file, tmp_path)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="No such file"):
        read_kubeconfig(tmp_path / "none", tmp_path)
