"""A store over a real etcd 2, or whatever speaks its HTTP protocol: ``store.RemoteStore``."""
