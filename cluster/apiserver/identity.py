"""What the server itself puts into metadata: names, uids, times; all from injected sources."""

from __future__ import annotations

from random import Random
from typing import Final

from serialization.api.meta.v1_pb2 import ObjectMeta
from storage.clock import Clock

SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no digits like them, so that no words come about."""
SUFFIX_LENGTH: Final = 5
GENERATED_MAX: Final = 63

_VERSION_4: Final = 0x4 << 76
_VARIANT: Final = 0x8 << 60
_CLEAR: Final = ~((0xF << 76) | (0xC << 60))


def new_uid(random: Random) -> str:
    """Return a fresh UUID of version 4."""
    digits = f"{(random.getrandbits(128) & _CLEAR) | _VERSION_4 | _VARIANT:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def generated_name(prefix: str, random: Random) -> str:
    """Return a name that begins with ``prefix``, cut so that it stays a label."""
    suffix = "".join(random.choices(SUFFIX_LETTERS, k=SUFFIX_LENGTH))
    return prefix[: GENERATED_MAX - SUFFIX_LENGTH] + suffix


def stamp_new(meta: ObjectMeta, namespace: str, clock: Clock, random: Random) -> None:
    """Fill in the metadata of an object that is being created, whatever the client said."""
    if namespace:
        meta.namespace = namespace
    else:
        meta.ClearField("namespace")
    meta.uid = new_uid(random)
    stamp = meta.creationTimestamp
    stamp.Clear()
    stamp.seconds = int(clock.now().timestamp())
    meta.ClearField("deletionTimestamp")
    meta.ClearField("deletionGracePeriodSeconds")
