"""The state machine of etcd 2: what the store is, and what each request does to it.

Pure: no clock, no input or output; the same requests give the same tree, index and history. Time is
an argument (``now_ns``: wall time), and decides only which TTL is shown, never what is stored.
The rules, refusals and counters are those of a real etcd 3.4 with ``--enable-v2``, its oddities
included; ``tests/storage/etcd2`` plays the same operations to both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.expiry import Expiry
from storage.etcd2.history import History
from storage.etcd2.interface import Listener
from storage.etcd2.model import Event, Method, Node, Request
from storage.etcd2.snapshot import Folder, MachineState
from storage.etcd2.statistics import COUNTERS
from storage.etcd2.tree import READ_ONLY, Directory, Tree
from storage.etcd2.views import directory_view, leaf_view, listing
from storage.etcd2.watchers import Asked, HubWatching, WatcherHub

YEAR_2000_NS: Final = 946_684_800 * 1_000_000_000
"""A key that is made to end before then never ends: etcd's own rule."""

_new: Final = tuple.__new__


class Machine:
    """A whole store."""

    def __init__(self) -> None:
        self._tree = Tree()
        self._history = History()
        self._expiry = Expiry(self._tree)
        self._hub = WatcherHub(self._history)
        self._counted = dict.fromkeys(COUNTERS, 0)
        self._carriers: Final[dict[Method, Callable[[Request, int], Event]]] = {
            Method.PUT: self._put,
            Method.POST: self._post,
            Method.DELETE: self._delete,
            Method.QGET: self._read,
        }

    @property
    def tree(self) -> Tree:
        """The tree; to be read, not to be changed."""
        return self._tree

    @property
    def index(self) -> int:
        """The index of the last change; 0: there was none."""
        return self._tree.index

    @property
    def oldest_index(self) -> int:
        """The index of the oldest event in the history; ``index`` + 1 if it is empty."""
        return self._history.first or self._tree.index + 1

    @property
    def leaves(self) -> int:
        """How many leaves clients have."""
        return self._tree.leaves

    @property
    def logical_bytes(self) -> int:
        """What their keys and values take."""
        return self._tree.size_bytes

    def apply(self, request: Request, now_ns: int) -> Event:
        """Carry out a request (any but SYNC): tree, history, watchers. Raises Etcd2Error."""
        return self._carriers[request.method](request, now_ns)

    def get(self, path: str, now_ns: int, *, recursive: bool = False, sort: bool = False) -> Event:
        """Read. Raises Etcd2Error."""
        tree = self._tree
        leaf = tree.leaf(path)
        if leaf is not None:
            node = leaf_view(leaf, now_ns) if leaf.expires_ns else leaf
        else:
            directory = tree.directories.get(path)
            if directory is None:
                self._counted["getsFail"] += 1
                raise tree.missing(path)
            node = listing(directory, now_ns, recursive=recursive, sort=sort)
        self._counted["getsSuccess"] += 1
        return _new(Event, ("get", node, None, tree.index, False))

    def expire(self, time_ns: int) -> list[Event]:
        """End what ends at ``time_ns`` or before, earliest first: what SYNC does."""
        ended = []
        while 0 < self._expiry.next_ns() <= time_ns:
            found = self._tree.find(self._expiry.next_path())
            ended.append(self._remove(found, "expire", time_ns))
            self._counted["expireCount"] += 1
        return ended

    def next_expiry_ns(self) -> int:
        """Return when the next node ends; 0: none does."""
        return self._expiry.next_ns()

    def expiry_reach_ns(self, now_ns: int, most: int) -> int:
        """Return the latest time that ends ``most`` nodes, or more that end at the same time."""
        return self._expiry.reach_ns(now_ns, most)

    def watch(
        self,
        path: str,
        listener: Listener,
        *,
        recursive: bool = False,
        stream: bool = False,
        since: int = 0,
    ) -> HubWatching:
        """Begin a watch, as ``KeysApi.watch``. Raises Etcd2Error (401)."""
        try:
            asked = Asked(path, listener, since or self._tree.index + 1, recursive, stream)
            return self._hub.watch(asked, self._tree.index)
        except Etcd2Error as error:
            error.index = self._tree.index
            raise

    def history(self, since: int) -> Sequence[Event]:
        """Return all kept events from index ``since`` on. Raises Etcd2Error (401)."""
        try:
            return self._history.since(since)
        except Etcd2Error as error:
            error.index = self._tree.index
            raise

    def close(self) -> None:
        """End all watches. Idempotent."""
        self._hub.clear()

    def statistics(self) -> dict[str, int]:
        """Return what was counted: ``/v2/stats/store``."""
        return {**self._counted, "watchers": self._hub.count}

    def dump(self) -> MachineState:
        """Return the whole state but for watches. It stays as it is whatever happens next."""
        folders = [
            Folder(d.path, d.created, d.modified, d.expires_ns, tuple(d.leaves.values()))
            for d in self._tree.walk(self._tree.root)
        ]
        return MachineState(
            self._tree.index, tuple(folders), tuple(self._history), dict(self._counted)
        )

    def load(self, state: MachineState) -> None:
        """Become what was dumped; watches are told that they are cleared."""
        self._hub.clear()
        self._tree = state.tree()
        self._history = History(state.events)
        self._expiry = Expiry(self._tree)
        self._hub = WatcherHub(self._history)
        self._counted = {name: state.counted.get(name, 0) for name in COUNTERS}

    def _put(self, request: Request, now_ns: int) -> Event:
        compares = request.prev_index or request.prev_value
        if request.prev_exist is False:
            return self._create(request, request.path, now_ns)
        if compares:
            return self._compare_and_swap(request, now_ns)
        if request.prev_exist:
            return self._update(request, now_ns)
        return self._set(request, now_ns)

    def _post(self, request: Request, now_ns: int) -> Event:
        above = request.path.rstrip("/")
        return self._create(request, f"{above}/{self._tree.index + 1:020d}", now_ns)

    def _delete(self, request: Request, now_ns: int) -> Event:
        if request.prev_index or request.prev_value:
            return self._compare_and_delete(request, now_ns)
        path = request.path
        if path in READ_ONLY:
            self._counted["deleteSuccess"] += 1  # sic: etcd counts this refusal as a success
            raise self._read_only()
        try:
            found = self._tree.find(path)
            if isinstance(found, Directory):
                self._check_removal(request, found)
        except Etcd2Error:
            self._counted["deleteFail"] += 1
            raise
        self._counted["deleteSuccess"] += 1
        return self._remove(found, "delete", now_ns)

    def _read(self, request: Request, now_ns: int) -> Event:
        return self.get(request.path, now_ns, recursive=request.recursive, sort=request.sorted)

    def _create(self, request: Request, path: str, now_ns: int) -> Event:
        try:
            event = self._make(request, path, "create", now_ns, replace=None, value=request.value)
        except Etcd2Error:
            self._counted["createFail"] += 1
            raise
        self._counted["createSuccess"] += 1
        return event

    def _set(self, request: Request, now_ns: int) -> Event:
        path = request.path
        try:
            before = self._tree.leaf(path)
            value = request.value
            if before is None and path not in self._tree.directories:
                missing = self._tree.missing(path)
                if request.refresh or missing.code != Code.KEY_NOT_FOUND:
                    raise missing
            if request.refresh:
                value = "" if before is None else before.value or ""
            event = self._make(request, path, "set", now_ns, replace=before, value=value)
        except Etcd2Error:
            self._counted["setsFail"] += 1
            raise
        self._counted["setsSuccess"] += 1
        return event

    def _make(
        self,
        request: Request,
        path: str,
        action: str,
        now_ns: int,
        *,
        replace: Node | None,
        value: str,
    ) -> Event:
        """Make a node, in place of the leaf ``replace`` if that is given. Raises Etcd2Error."""
        tree = self._tree
        if path in READ_ONLY:
            raise self._read_only()
        try:
            parent = tree.parent(path)
        except Etcd2Error:
            self._counted["setsFail"] += 1  # sic: whatever the action
            raise
        if path in parent.folders:
            code = Code.NOT_FILE if action == "set" else Code.NODE_EXIST
            raise Etcd2Error(code, path, tree.index)
        if replace is None and path in parent.leaves:
            raise Etcd2Error(Code.NODE_EXIST, path, tree.index)
        expires_ns = request.expiration_ns
        if expires_ns < YEAR_2000_NS:
            expires_ns = 0
        tree.index = index = tree.index + 1
        if request.dir:
            if replace is not None:
                tree.remove_leaf(replace)
            node = directory_view(tree.add_directory(parent, path, index, expires_ns), now_ns)
        else:
            leaf: Node = _new(Node, (path, value, False, index, index, expires_ns, 0, None))
            tree.put(parent, leaf, replace)
            node = leaf_view(leaf, now_ns) if expires_ns else leaf
        if expires_ns:
            self._expiry.add(path, expires_ns)
        before = leaf_view(replace, now_ns) if replace is not None else None
        refresh = bool(request.refresh) and action == "set"
        event: Event = _new(Event, (action, node, before, index, refresh))
        self._tell(event, parent.chain)
        return event

    def _update(self, request: Request, now_ns: int) -> Event:
        path = request.path
        if path in READ_ONLY:
            self._counted["updateSuccess"] += 1  # sic
            raise self._read_only()
        tree = self._tree
        try:
            found = tree.find(path)
        except Etcd2Error:
            self._counted["updateFail"] += 1
            raise
        if isinstance(found, Node):
            event = self._rewrite(request, found, "update", now_ns)
        elif request.value and not request.refresh:
            self._counted["updateSuccess"] += 1  # sic
            raise Etcd2Error(Code.NOT_FILE, path, tree.index)
        else:
            event = self._update_directory(request, found, now_ns)
        self._counted["updateSuccess"] += 1
        return event

    def _update_directory(self, request: Request, directory: Directory, now_ns: int) -> Event:
        """Give a directory another time to end; its ``modified`` stays, as in etcd."""
        tree = self._tree
        before = directory_view(directory, now_ns)
        tree.index = index = tree.index + 1
        directory.expires_ns = expires_ns = request.expiration_ns
        if expires_ns:
            self._expiry.add(directory.path, expires_ns)
        node = directory_view(directory, now_ns)._replace(modified=index)
        event = Event("update", node, before, index, bool(request.refresh))
        self._tell(event, directory.chain[:-1])
        return event

    def _compare_and_swap(self, request: Request, now_ns: int) -> Event:
        if request.path in READ_ONLY:
            self._counted["compareAndSwapSuccess"] += 1  # sic
            raise self._read_only()
        try:
            leaf = self._compared(request)
        except Etcd2Error:
            self._counted["compareAndSwapFail"] += 1
            raise
        self._counted["compareAndSwapSuccess"] += 1
        return self._rewrite(request, leaf, "compareAndSwap", now_ns)

    def _compare_and_delete(self, request: Request, now_ns: int) -> Event:
        try:
            leaf = self._compared(request)
        except Etcd2Error as error:
            found = error.code in (Code.NOT_FILE, Code.TEST_FAILED)
            self._counted["compareAndDeleteSuccess" if found else "compareAndDeleteFail"] += (
                1  # sic
            )
            raise
        self._counted["compareAndDeleteSuccess"] += 1
        return self._remove(leaf, "compareAndDelete", now_ns)

    def _rewrite(self, request: Request, leaf: Node, action: str, now_ns: int) -> Event:
        """Give a leaf another value and time to end; it keeps its ``created``."""
        tree = self._tree
        tree.index = index = tree.index + 1
        path, value, _, created, _, ended_ns, _, _ = leaf
        refresh = bool(request.refresh)
        if not refresh:
            value = request.value
        expires_ns = request.expiration_ns
        now_is: Node = _new(Node, (path, value, False, created, index, expires_ns, 0, None))
        parent = tree.holder(path)
        tree.put(parent, now_is, leaf)
        node = now_is
        if expires_ns:
            self._expiry.add(path, expires_ns)
            node = leaf_view(now_is, now_ns)
        before = leaf_view(leaf, now_ns) if ended_ns else leaf
        event: Event = _new(Event, (action, node, before, index, refresh))
        self._tell(event, parent.chain)
        return event

    def _remove(self, found: Node | Directory, action: str, now_ns: int) -> Event:
        """Take away what was found, with all that is in it."""
        tree = self._tree
        index = tree.index + 1
        if isinstance(found, Directory):
            path, chain = found.path, found.chain[:-1]
            before = directory_view(found, now_ns)
        else:
            path, chain = found.key, tree.holder(found.key).chain
            before = leaf_view(found, now_ns)
        node: Node = _new(Node, (path, None, before.dir, before.created, index, 0, 0, None))
        event: Event = _new(Event, (action, node, before, index, False))

        def removed(gone: str) -> None:
            self._hub.tell_at(gone, event, removed=True)

        if isinstance(found, Directory):
            tree.remove_directory(found, removed)
        else:
            tree.remove_leaf(found)
            removed(path)
        tree.index = index
        self._tell(event, chain)
        return event

    def _compared(self, request: Request) -> Node:
        """Return the leaf that is as a request says that it is. Raises Etcd2Error."""
        found = self._tree.find(request.path)
        index = self._tree.index
        if isinstance(found, Directory):
            raise Etcd2Error(Code.NOT_FILE, request.path, index)
        causes = []
        if request.prev_value and found.value != request.prev_value:
            causes.append(f"[{request.prev_value} != {found.value}]")
        if request.prev_index and found.modified != request.prev_index:
            causes.append(f"[{request.prev_index} != {found.modified}]")
        if causes:
            raise Etcd2Error(Code.TEST_FAILED, " ".join(causes), index)
        return found

    def _check_removal(self, request: Request, directory: Directory) -> None:
        if not (request.dir or request.recursive):
            raise Etcd2Error(Code.NOT_FILE, directory.path, self._tree.index)
        if not (request.recursive or directory.empty):
            raise Etcd2Error(Code.DIR_NOT_EMPTY, directory.path, self._tree.index)

    def _tell(self, event: Event, above: tuple[str, ...]) -> None:
        """Write a change into the history and, unless it is a refresh, tell the watches of it."""
        self._history.add(event)
        if not event.refresh:
            self._hub.tell(event, above)

    def _read_only(self) -> Etcd2Error:
        return Etcd2Error(Code.ROOT_READ_ONLY, "/", self._tree.index)
