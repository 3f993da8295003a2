"""etcd 2 and etcd 3 compared on what separated them: ours and the real ones, row by row."""
