"""The proofs of durability for the etcd3 engine: its file."""
