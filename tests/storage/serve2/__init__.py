"""The protocol of etcd 2 as we serve it, held against a real etcd."""
