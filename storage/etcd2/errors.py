"""What the store of etcd 2 answers when it refuses: a number, a message, a cause, the index.

Numbers and messages are etcd's (its v2 guide and what a real etcd 3.4 answers).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Code(IntEnum):
    """``errorCode`` on the wire."""

    KEY_NOT_FOUND = 100
    TEST_FAILED = 101
    NOT_FILE = 102
    NO_MORE_PEER = 103
    NOT_DIR = 104
    NODE_EXIST = 105
    KEY_IS_PRESERVED = 106
    ROOT_READ_ONLY = 107
    DIR_NOT_EMPTY = 108
    EXISTING_PEER_ADDR = 109
    UNAUTHORIZED = 110
    VALUE_REQUIRED = 200
    PREV_VALUE_REQUIRED = 201
    TTL_NAN = 202
    INDEX_NAN = 203
    VALUE_OR_TTL_REQUIRED = 204
    TIMEOUT_NAN = 205
    NAME_REQUIRED = 206
    INDEX_OR_VALUE_REQUIRED = 207
    INDEX_VALUE_MUTEX = 208
    INVALID_FIELD = 209
    INVALID_FORM = 210
    REFRESH_VALUE = 211
    REFRESH_TTL_REQUIRED = 212
    RAFT_INTERNAL = 300
    LEADER_ELECT = 301
    WATCHER_CLEARED = 400
    EVENT_INDEX_CLEARED = 401


MESSAGES: Final[dict[Code, str]] = {
    Code.KEY_NOT_FOUND: "Key not found",
    Code.TEST_FAILED: "Compare failed",
    Code.NOT_FILE: "Not a file",
    Code.NO_MORE_PEER: "Reached the max number of peers in the cluster",
    Code.NOT_DIR: "Not a directory",
    Code.NODE_EXIST: "Key already exists",
    Code.KEY_IS_PRESERVED: "The prefix of given key is a keyword in etcd",
    Code.ROOT_READ_ONLY: "Root is read only",
    Code.DIR_NOT_EMPTY: "Directory not empty",
    Code.EXISTING_PEER_ADDR: "Peer address has existed",
    Code.UNAUTHORIZED: "The request requires user authentication",
    Code.VALUE_REQUIRED: "Value is Required in POST form",
    Code.PREV_VALUE_REQUIRED: "PrevValue is Required in POST form",
    Code.TTL_NAN: "The given TTL in POST form is not a number",
    Code.INDEX_NAN: "The given index in POST form is not a number",
    Code.VALUE_OR_TTL_REQUIRED: "Value or TTL is required in POST form",
    Code.TIMEOUT_NAN: "The given timeout in POST form is not a number",
    Code.NAME_REQUIRED: "Name is required in POST form",
    Code.INDEX_OR_VALUE_REQUIRED: "Index or value is required",
    Code.INDEX_VALUE_MUTEX: "Index and value cannot both be specified",
    Code.INVALID_FIELD: "Invalid field",
    Code.INVALID_FORM: "Invalid POST form",
    Code.REFRESH_VALUE: "Value provided on refresh",
    Code.REFRESH_TTL_REQUIRED: "A TTL must be provided on refresh",
    Code.RAFT_INTERNAL: "Raft Internal Error",
    Code.LEADER_ELECT: "During Leader Election",
    Code.WATCHER_CLEARED: "watcher is cleared due to etcd recovery",
    Code.EVENT_INDEX_CLEARED: "The event in requested index is outdated and cleared",
}


class Etcd2Error(Exception):
    """A request that was refused; nothing was changed."""

    def __init__(self, code: Code, cause: str = "", index: int = 0) -> None:
        super().__init__(f"{MESSAGES[code]} ({cause})" if cause else MESSAGES[code])
        self.code = code
        self.cause = cause
        """Mostly the path; of a failed compare, what was compared: ``[2 != 3]``."""
        self.index = index
        """The store's index when it was judged."""
