"""Users, roles and members over HTTP: request by request as a real etcd answers them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import pytest

from tests.real_etcd import require_etcd
from tests.storage.serve2.etcdctl_beside_real import both
from tests.storage.serve2.wire import Wire, request

ROOT: Final = "root:secret"
JSON: Final = "Content-Type: application/json"

ASKED: Final = (
    # who asks, method, path, body
    ("", "GET", "/v2/auth/enable", ""),
    ("", "PUT", "/v2/auth/enable", ""),
    ("", "DELETE", "/v2/auth/enable", ""),
    ("", "POST", "/v2/auth/enable", ""),
    ("", "GET", "/v2/auth/users", ""),
    ("", "GET", "/v2/auth/users/", ""),
    ("", "PUT", "/v2/auth/users", ""),
    ("", "PATCH", "/v2/auth/users/u", ""),
    ("", "GET", "/v2/auth/roles", ""),
    ("", "GET", "/v2/auth/roles/root", ""),
    ("", "GET", "/v2/auth/roles/guest", ""),
    ("", "GET", "/v2/auth/users/u/v", ""),
    ("", "GET", "/v2/auth/nothing", ""),
    ("", "GET", "/v2/keys", ""),
    ("", "DELETE", "/v2/auth/users/u", ""),
    ("", "GET", "/v2/keys", ""),  # the directories stand now: the index tells
    ("", "DELETE", "/v2/auth/roles/r", ""),
    ("", "DELETE", "/v2/auth/roles/root", ""),
    ("", "PUT", "/v2/auth/users/u", "{"),
    ("", "PUT", "/v2/auth/users/u", "[]"),
    ("", "PUT", "/v2/auth/users/u", '{"user":"v","password":"p"}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u"}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u","password":"p"}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u"}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u","password":"p2"}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u","password":"p","roles":["r"]}'),
    ("", "PUT", "/v2/auth/users/w", '{"user":"w","password":"p","roles":["r","none"]}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u","grant":["r","s"]}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u","grant":["r"]}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u","revoke":["s"]}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u","revoke":["s"]}'),
    ("", "PUT", "/v2/auth/users/u", '{"user":"u","roles":["r"],"revoke":["s"]}'),
    ("", "PUT", "/v2/auth/users/x", '{"user":"x","grant":["r"]}'),
    ("", "GET", "/v2/auth/users/u", ""),
    ("", "GET", "/v2/auth/users", ""),
    ("", "PUT", "/v2/auth/roles/r", '{"role":"s"}'),
    ("", "PUT", "/v2/auth/roles/root", '{"role":"root"}'),
    ("", "PUT", "/v2/auth/roles/r", '{"role":"r","permissions":{"kv":{"read":["/a*"]}}}'),
    ("", "PUT", "/v2/auth/roles/r", '{"role":"r","permissions":{"kv":{"read":["/a*"]}}}'),
    ("", "PUT", "/v2/auth/roles/r", '{"role":"r","grant":{"kv":{"write":["/a/b"],"read":[]}}}'),
    ("", "PUT", "/v2/auth/roles/r", '{"role":"r","grant":{"kv":{"write":["/a/b"]}}}'),
    ("", "PUT", "/v2/auth/roles/r", '{"role":"r","revoke":{"kv":{"write":["/none"]}}}'),
    ("", "PUT", "/v2/auth/roles/s", '{"role":"s","revoke":{"kv":{"write":["/none"]}}}'),
    ("", "PUT", "/v2/auth/roles/e", '{"role":"e"}'),
    ("", "GET", "/v2/auth/roles/e", ""),
    ("", "GET", "/v2/auth/roles", ""),
    ("", "GET", "/v2/auth/users/u", ""),
    ("", "GET", "/v2/auth/users/w", ""),
    ("", "PUT", "/v2/auth/users/root", '{"user":"root","password":"secret"}'),
    ("", "GET", "/v2/auth/users/root", ""),
    ("", "PUT", "/v2/auth/enable", ""),
    ("", "GET", "/v2/auth/enable", ""),
    ("", "PUT", "/v2/auth/enable", ""),
    (ROOT, "PUT", "/v2/auth/enable", ""),
    ("", "PUT", "/v2/keys/a/b", "value=1"),
    ("", "GET", "/v2/auth/users", ""),
    ("u:p2", "GET", "/v2/auth/users", ""),
    (ROOT, "GET", "/v2/auth/roles", ""),
    (ROOT, "DELETE", "/v2/auth/users/root", ""),
    (ROOT, "PUT", "/v2/auth/roles/guest", '{"role":"guest","revoke":{"kv":{"write":["/*"]}}}'),
    ("", "PUT", "/v2/keys/a/b", "value=1"),
    ("", "GET", "/v2/keys/a/b", ""),
    ("", "GET", "/v2/keys/a?recursive=true", ""),
    ("u:p2", "PUT", "/v2/keys/a/b", "value=2"),
    ("u:p2", "PUT", "/v2/keys/a/c", "value=2"),
    ("u:p2", "GET", "/v2/keys/a/b", ""),
    ("u:p2", "GET", "/v2/keys/a?recursive=true", ""),
    ("u:p2", "DELETE", "/v2/keys/a?recursive=true", ""),
    ("u:p2", "GET", "/v2/keys/b", ""),
    ("u:p2", "PUT", "/v2/keys/a/b/", "value=3"),
    ("u:wrong", "GET", "/v2/keys/a/b", ""),
    ("nobody:p", "GET", "/v2/keys/a/b", ""),
    ("nobody", "GET", "/v2/keys/a/b", ""),
    (ROOT, "DELETE", "/v2/keys/a?recursive=true", ""),
    ("", "POST", "/v2/members", '{"peerURLs":["http://127.0.0.1:9"]}'),
    ("", "GET", "/v2/members/none", ""),
    ("u:p2", "DELETE", "/v2/members/1234", ""),
    (ROOT, "DELETE", "/v2/members/1234", ""),
    (ROOT, "DELETE", "/v2/auth/roles/guest", ""),
    ("", "GET", "/v2/keys/a/b", ""),
    (ROOT, "DELETE", "/v2/auth/enable", ""),
    (ROOT, "DELETE", "/v2/auth/users/w", ""),
    ("", "GET", "/v2/keys/a/b", ""),
    ("", "POST", "/v2/members", "{}"),
    ("", "PATCH", "/v2/members", ""),
    ("", "HEAD", "/v2/members", ""),
    ("", "DELETE", "/v2/members", ""),
    ("", "PUT", "/v2/members", ""),
    ("", "DELETE", "/v2/members/zz", ""),
    ("", "PUT", "/v2/members/1234", '{"peerURLs":["http://127.0.0.1:9"]}'),
    ("", "PUT", "/v2/members/1234", '{"peerURLs":[]}'),
    ("", "PUT", "/v2/members/1234", '{"peerURLs":["foo"]}'),
    ("", "PUT", "/v2/members/1234", '{"peerURLs":["http://foo"]}'),
    ("", "PUT", "/v2/members/1234", '{"peerURLs":["http://foo:1/x"]}'),
    ("", "GET", "/v2/stats/leader/", ""),
)


@pytest.mark.slow
def test_accounts_are_answered_as_by_a_real_etcd(tmp_path: Path) -> None:
    require_etcd()
    differences = []
    with both(tmp_path) as (real, ours):
        wires = Wire(real.endpoint), Wire(ours.endpoint)
        for asked in ASKED:
            want, got = (wire.ask(_request(*asked)) for wire in wires)
            if want.comparable() != got.comparable():
                differences.append((asked, want, got))
        for wire in wires:
            wire.close()

    assert differences == []


def _request(who: str, method: str, path: str, body: str) -> bytes:
    kind: tuple[str, ...] = () if path.startswith("/v2/keys") else (JSON,)
    if who:
        kind += (f"Authorization: Basic {base64.b64encode(who.encode()).decode()}",)
    return request(method, path, body.encode() if body else None, *kind)
