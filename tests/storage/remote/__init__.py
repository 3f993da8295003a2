"""The client store over etcd."""
