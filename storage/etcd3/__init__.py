"""The etcd3-style engine: every revision a row in LMDB, synced on commit, the keys in memory."""
