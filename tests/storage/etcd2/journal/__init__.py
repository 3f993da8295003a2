"""The files of etcd 2: records, segments, snapshots, recovery, and a real etcd that reads them."""
