"""The proofs of durability for the engine of etcd 2: its load, its oracle, its files."""
