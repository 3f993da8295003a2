"""An engine behind the etcd v3 protocol: gRPC, its messages, its errors, its limits."""
