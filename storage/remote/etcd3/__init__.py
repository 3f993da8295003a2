"""A store over a real etcd, or whatever speaks its v3 protocol: ``store.RemoteStore``."""
