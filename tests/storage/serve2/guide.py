"""The examples of etcd's own guide to its v2 API, as words for curl, in the guide's order."""

from __future__ import annotations

from typing import Final, NamedTuple

KEYS: Final = "$URL/v2/keys"


class Example(NamedTuple):
    """One or more commands of the guide."""

    title: str
    commands: tuple[str, ...]
    """Split at spaces, ``+`` is a space; ``$URL`` is where the server is, ``$FILE`` a file,
    ``$LAST`` the index that the last answer told."""
    then: str = ""
    """What is done meanwhile: the only command is a wait."""
    waits_out: bool = False
    """Keys end meanwhile: asked again until they are gone."""


EXAMPLES: Final = (
    Example("version", ("$URL/version",)),
    Example("set a key", (f"{KEYS}/message -XPUT -d value=Hello+world",)),
    Example("get it", (f"{KEYS}/message",)),
    Example("change it", (f"{KEYS}/message -XPUT -d value=Hello+etcd",)),
    Example("delete it", (f"{KEYS}/message -XDELETE", f"{KEYS}/message")),
    Example("a TTL", (f"{KEYS}/foo -XPUT -d value=bar -d ttl=1",)),
    Example("its end", (f"{KEYS}/foo",), waits_out=True),
    Example(
        "a TTL taken away",
        (
            f"{KEYS}/foo -XPUT -d value=bar -d ttl=100",
            f"{KEYS}/foo -XPUT -d value=bar -d ttl= -d prevExist=true",
            f"{KEYS}/foo",
        ),
    ),
    Example(
        "a TTL refreshed",
        (
            f"{KEYS}/foo -XPUT -d value=bar -d ttl=100",
            f"{KEYS}/foo -XPUT -d ttl=500 -d refresh=true -d prevExist=true",
            f"{KEYS}/foo -XPUT -d value=x -d ttl=500 -d refresh=true -d prevExist=true",
            f"{KEYS}/foo -XPUT -d refresh=true -d prevExist=true",
        ),
    ),
    Example("a wait", (f"{KEYS}/foo?wait=true",), then=f"{KEYS}/foo -XPUT -d value=bar"),
    Example("a wait for the past", (f"{KEYS}/foo?wait=true&waitIndex=$LAST",)),
    Example(
        "a wait from above",
        (f"{KEYS}/?wait=true&recursive=true",),
        then=f"{KEYS}/foo_watch/bar2 -XPUT -d value=bar",
    ),
    Example(
        "in-order keys",
        (
            f"{KEYS}/queue -XPOST -d value=Job1",
            f"{KEYS}/queue -XPOST -d value=Job2",
            f"{KEYS}/queue?recursive=true&sorted=true",
        ),
    ),
    Example("a directory with a TTL", (f"{KEYS}/dir -XPUT -d ttl=30 -d dir=true",)),
    Example("its TTL changed", (f"{KEYS}/dir -XPUT -d ttl=30 -d dir=true -d prevExist=true",)),
    Example(
        "keys in it",
        (f"{KEYS}/dir/asdf?consistent=true&wait=true",),
        then=f"{KEYS}/dir/asdf -XPUT -d value=v",
    ),
    Example(
        "its end, told to a watch",
        (f"{KEYS}/dir/asdf?wait=true",),
        then=f"{KEYS}/dir -XPUT -d ttl=1 -d dir=true -d prevExist=true",
    ),
    Example(
        "compare and swap",
        (
            f"{KEYS}/cas?prevExist=false -XPUT -d value=one",
            f"{KEYS}/cas?prevExist=false -XPUT -d value=three",
            f"{KEYS}/cas?prevValue=two -XPUT -d value=three",
            f"{KEYS}/cas?prevValue=one -XPUT -d value=two",
            f"{KEYS}/cas?prevIndex=1 -XPUT -d value=two",
            f"{KEYS}/cas?prevIndex=$LAST -XPUT -d value=two",
        ),
    ),
    Example(
        "compare and delete",
        (
            f"{KEYS}/cad -XPUT -d value=one",
            f"{KEYS}/cad?prevValue=two -XDELETE",
            f"{KEYS}/cad?prevIndex=1 -XDELETE",
            f"{KEYS}/cad?prevValue=one -XDELETE",
        ),
    ),
    Example("a directory", (f"{KEYS}/made -XPUT -d dir=true",)),
    Example(
        "what is in directories",
        (
            f"{KEYS}/foo_dir/foo -XPUT -d value=bar",
            f"{KEYS}/foo_dir",
            f"{KEYS}/foo_dir?recursive=true&sorted=true",
        ),
    ),
    Example(
        "directories deleted",
        (
            f"{KEYS}/made?dir=true -XDELETE",
            f"{KEYS}/foo_dir?dir=true -XDELETE",
            f"{KEYS}/foo_dir?recursive=true -XDELETE",
        ),
    ),
    Example(
        "a hidden node",
        (
            f"{KEYS}/_message -XPUT -d value=Hello+hidden+world",
            f"{KEYS}/message -XPUT -d value=Hello+world",
            f"{KEYS}/?sorted=true",
            f"{KEYS}/_message",
        ),
    ),
    Example("a value from a file", (f"{KEYS}/message --data-urlencode value@$FILE -XPUT",)),
    Example("a linearized read", (f"{KEYS}/message?quorum=true",)),
    Example(
        "a write without its nodes", (f"{KEYS}/message?noValueOnSuccess=true -XPUT -d value=x",)
    ),
    Example("statistics of the leader", ("$URL/v2/stats/leader",)),
    Example("statistics of the member", ("$URL/v2/stats/self",)),
    Example("the members", ("$URL/v2/members",)),
    Example("the machines", ("$URL/v2/machines",)),
    Example("health", ("$URL/health",)),
    Example("a head", (f"-I {KEYS}/message",)),
)
