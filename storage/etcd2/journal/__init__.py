"""Where the log of etcd 2 is kept: in etcd's own files, or nowhere."""
