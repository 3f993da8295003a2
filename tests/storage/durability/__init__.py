"""Two proofs that acknowledged writes are durable: against process death, against loss of power.

``load`` writes from many callers and reports what it is about to do and what was acknowledged, a
system call a line; ``journal`` reads those lines and knows the true history; ``oracle`` holds a
reopened store against it. ``kill`` ends the writer with SIGKILL, round after round, over one data
directory. ``strace`` and ``recording`` record the writer's file operations, ``disk`` rebuilds what
a disk may hold when the power goes, ``power_loss`` judges the order of acknowledgements and syncs
and reopens such images.

    python -m tests.storage.durability kill --rounds 200
    python -m tests.storage.durability --store etcd2 power-loss --cuts 2000

``subjects`` says of which stores; ``etcd2`` and ``etcd3`` hold what differs between them.
"""
