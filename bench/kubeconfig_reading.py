"""Reading a kubeconfig: which server its current context names, and how it knows us."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.load.settings import Server


class KubeconfigError(Exception):
    """A kubeconfig that cannot be used; the message says which file and why."""


def read_kubeconfig(path: Path, scratch: Path, named: str = "") -> Server:
    """Return the server of the context ``named``, or of the current one.

    Data in the file is put into ``scratch``.

    Knows tokens, client certificates and certificate authorities; no exec plug-ins.
    Raises KubeconfigError.
    """
    try:
        document = yaml.safe_load(path.read_bytes())
        context = _named(document, "contexts", named or str(document["current-context"]))["context"]
        cluster = _named(document, "clusters", str(context["cluster"]))["cluster"]
        user = _named(document, "users", str(context["user"]))["user"] or {}
        if "exec" in user or "auth-provider" in user:
            raise KubeconfigError(f"{path}: users with plug-ins are not supported; use a token")
        return Server(
            url=str(cluster["server"]).rstrip("/"),
            token=_token(user, path.parent),
            ca_file=_file(cluster, "certificate-authority", path.parent, scratch),
            certificate_file=_file(user, "client-certificate", path.parent, scratch),
            key_file=_file(user, "client-key", path.parent, scratch),
            insecure=bool(cluster.get("insecure-skip-tls-verify", False)),
        )
    except OSError as error:
        raise KubeconfigError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        what = str(error).replace("\n", " ")
        raise KubeconfigError(f"{path} is no kubeconfig: {type(error).__name__} {what}") from error


def _named(document: Mapping[str, Any], section: str, name: str) -> Mapping[str, Any]:
    for entry in document[section]:
        if entry["name"] == name:
            found: Mapping[str, Any] = entry
            return found
    raise KeyError(f"no {name!r} in {section}")


def _token(user: Mapping[str, Any], beside: Path) -> str:
    if "tokenFile" in user:
        return (beside / str(user["tokenFile"])).read_text(encoding="utf-8").strip()
    return str(user.get("token", ""))


def _file(section: Mapping[str, Any], key: str, beside: Path, scratch: Path) -> str:
    """Return a file that the section names, or that its data was put into; empty for neither."""
    if f"{key}-data" in section:
        target = scratch / f"{key}.pem"
        target.touch(mode=0o600)
        target.write_bytes(base64.b64decode(section[f"{key}-data"], validate=True))
        return str(target)
    return str(beside / section[key]) if key in section else ""
