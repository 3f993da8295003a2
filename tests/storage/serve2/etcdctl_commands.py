"""Every command of etcdctl 2, as steps on a store that is new; what differs from etcd says why."""

from __future__ import annotations

from typing import Final, NamedTuple


class Step(NamedTuple):
    """One command."""

    part: str
    words: str
    """Split at spaces; ``$MEMBER`` is the member's id, ``$DATA`` its data directory, ``$NEW`` one
    that is not there yet."""
    meanwhile: tuple[str, ...] = ()
    """Run, one after the other, once the command watches."""
    lines: int = 0
    """Of a command that does not end: after so many lines it is ended."""
    stdin: str = ""
    """What is typed: passwords."""
    note: str = ""
    """Why ours says something else; empty: it says the same."""


def steps(part: str, *words: str) -> tuple[Step, ...]:
    """Return commands that end by themselves and say the same."""
    return tuple(Step(part, each) for each in words)


NO_OTHERS: Final = "a cluster of one for good: **refused**, as etcd refuses what would break it"

STEPS: Final = (
    *steps(
        "Keys",
        *("set /a one", "set /a two", "get /a", "get /none", "get /a -o json"),
        *("-o extended get /a", "-o json get /a", "-o extended set /a three"),
        *("-o json set /a four", "get -q /a", "get --quorum /none", "get --sort /a"),
        *("set --ttl 1000 /t one", "set --ttl 0 /t two", "set --ttl x /t two", "set --ttl -1 /t z"),
        *("set --swap-with-value four /a five", "set --swap-with-value six /a seven"),
        *("set --swap-with-index 1 /a eight", "set --swap-with-value x --swap-with-index 9 /a y"),
        *("set /dir/x 1", "set /dir 2", "set /a/b 2", "set / 2", "set", "set /only", "get"),
        *("mk /a again", "mk /new value", "mk --ttl 1000 /new2 value", "mk", "mk /x"),
        *("mk --in-order /queue first", "mk --in-order /queue second", "mk --in-order /a third"),
        *(
            "update /new other",
            "update /none other",
            "update --ttl 1000 /new more",
            "update /dir 1",
        ),
        *("update", "update /new", "--debug get /a", "--no-sync get /a"),
    ),
    *steps(
        "Directories",
        *("mkdir /d", "mkdir /d", "mkdir /a", "mkdir --ttl 1000 /d2", "mkdir /d/e/f", "mkdir"),
        *("setdir /s", "setdir /s", "setdir --ttl 1000 /s", "setdir /a", "setdir"),
        *("updatedir /s --ttl 1000", "updatedir --ttl 1000 /s", "updatedir /none", "updatedir /a"),
        *("set /_hidden/x 1", "get /_hidden/x", "ls /_hidden", "set /d/_h 1"),
        *(
            "ls --sort",
            "ls --sort /",
            "ls --sort -p",
            "ls --sort -r",
            "ls --sort --recursive -p /d",
        ),
        *(
            "ls /none",
            "ls /a",
            "-o json ls --sort /queue",
            "-o extended ls --sort /d",
            "ls -q --sort",
        ),
        *("get /d", "ls /d/_h"),
    ),
    *steps(
        "Removal",
        *(
            "rm /d",
            "rm --dir /d",
            "rmdir /d",
            "rmdir /d2",
            "rmdir /none",
            "rm /none",
            "rm",
            "rmdir",
        ),
        *("rm --with-value x /new", "rm --with-index 1 /new", "rm --with-value more /new"),
        *("rmdir /a", "rm /a", "-o json rm /t", "rm -r /d", "rm --recursive /queue", "rm -r /"),
        *("ls --sort -r", "-o extended rm /new2", "rm --dir /s"),
    ),
    Step("Watches", "watch /w", ("set /w 1",)),
    Step("Watches", "watch /w", ("rm /w",)),
    Step("Watches", "-o json watch /w", ("set /w 1",)),
    Step("Watches", "-o extended watch /w", ("update /w 2",)),
    Step("Watches", "watch -r /tree", ("set /other 1", "set /tree/a/b 1")),
    Step("Watches", "watch /tree/_h", ("set /tree/_h 1",)),
    Step("Watches", "watch -r /tree", ("set /tree/_h 2", "rm -r /tree", "set /tree/z 1")),
    Step("Watches", "watch --after-index 5 /a"),
    Step("Watches", "watch --after-index 1 -r /dir"),
    Step("Watches", "watch -f /w", ("set /w 3", "set /w 4", "rm /w", "mkdir /w"), lines=3),
    Step("Watches", "watch -f -r /", ("set /x 3", "mk /y/z 4", "rm /x", "set /y/z 9"), lines=4),
    Step("Watches", "watch"),
    Step(
        "Watches",
        "exec-watch -r /e -- sh -c set|grep.^ETCD_WATCH",
        ("set /e 1",),
        lines=4,
    ),
    Step("Watches", "exec-watch -r / -- echo told", ("set /e 1", "rm /e"), lines=2),
    Step("Watches", "exec-watch /e"),
    *steps(
        "Access", "user", "user list", "user get u", "user remove u", "role list", "role get root"
    ),
    *steps("Access", "role get r", "role remove r", "role remove root", "auth enable"),
    *steps("Access", "auth disable", "user grant u --roles r", "role add root", "user add"),
    Step("Access", "user add u", stdin="pw\npw\n"),
    Step("Access", "user add u", stdin="pw\npw\n"),
    *steps(
        "Access", "user add v:given", "user list", "user get u", "user grant u", "user revoke u"
    ),
    *steps(
        "Access", "user grant --roles r,s u", "user grant --roles r u", "user revoke --roles s u"
    ),
    *steps("Access", "user revoke --roles s u", "user get u", "role add r", "role add r"),
    *steps(
        "Access", "role grant r", "role grant --path /a* --rw r", "role grant --path /b --read r"
    ),
    *steps("Access", "role grant --path /b --read r", "role grant --path /c --write r"),
    *steps("Access", "role get r", "role revoke --path /c --rw r", "role get r", "role list"),
    Step("Access", "user passwd u", stdin="new\n"),
    Step("Access", "user passwd none", stdin="new\n"),
    *steps("Access", "user add root:top", "auth enable", "-u root:top auth enable"),
    *steps("Access", "user list", "-u root:top user list", "-u u:new user list"),
    Step("Access", "-u root user list", stdin="top\n"),
    *steps("Access", "-u root:top role revoke --path /* --write guest", "set /a/1 x", "get /none"),
    *steps("Access", "-u u:new set /a/1 x", "-u u:pw set /a/1 y", "-u u:new set /b y"),
    *steps("Access", "-u u:new get /a/1", "-u u:new ls -r /a", "-u u:new rm -r /a"),
    *steps("Access", "member add x http://127.0.0.1:8", "-u root:top user remove root"),
    *steps("Access", "-u root:top user remove u", "-u root:top role remove r", "auth disable"),
    *steps("Access", "-u root:top auth disable", "auth disable", "set /a/1 x", "user remove root"),
    *steps("Cluster", "backup --data-dir $DATA --backup-dir $NEW", "backup --backup-dir $NEW"),
    *steps("Cluster", "backup --data-dir /none --backup-dir $NEW"),
    *steps("Cluster", "help", "--version", "nonsense"),
    *steps("Cluster", "cluster-health", "member list", "member add", "member remove"),
    *steps("Cluster", "member remove 1234", "member remove zz", "member update"),
    *steps("Cluster", "member update 1234 http://127.0.0.1:9", "member update $MEMBER foo"),
    *steps("Cluster", "member remove $MEMBER", "member add other foo"),
    Step("Cluster", "member add other http://127.0.0.1:9", note=NO_OTHERS),
)
"""In their order."""
