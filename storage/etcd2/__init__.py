"""The store of etcd 2: a tree of directories and leaves, one index, one short history of events."""
