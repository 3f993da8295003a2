"""The protocol of etcd 2, HTTP and JSON, over any engine of it."""
