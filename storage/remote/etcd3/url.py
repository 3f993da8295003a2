"""The address of a store over etcd 3: read where those of all remote stores are."""

from storage.remote.url import CLIENTS, RemoteUrl, StoreUrlError, is_remote, parse_url

__all__ = ["CLIENTS", "RemoteUrl", "StoreUrlError", "is_remote", "parse_url"]
