"""Row e: the bytes of the same pods, stored and on the wire, as JSON and as protobuf."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from bench.generations.clients.interface import Client
from bench.generations.stations.fanning import Told
from bench.generations.stations.interface import Ground
from bench.micro.shapes import running_pod
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS

FORMS: Final = {"json": "json", "protobuf": "protobuf"}
"""What it is called here, and the codec that makes it."""
POD: Final = TypeMeta("v1", "Pod")


def stored(form: str, number: int, generation: int) -> bytes:
    """Return a running pod as the API server hands it to a store of that generation.

    Protobuf goes into etcd 2 as base64, since its values are text.
    """
    pod = running_pod(number)
    pod.metadata.ClearField("resourceVersion")
    document = CODECS[FORMS[form]].encode(POD, pod)
    return b64encode(document) if generation == 2 and form == "protobuf" else document


async def encodings(ground: Ground) -> None:
    """Write, watch and list the same pods in both forms; count what the kernel carried."""
    count = ground.sizes.encoded_objects
    for form in FORMS:
        directory = f"/registry/{form}-pods"
        objects = [stored(form, number, ground.generation) for number in range(count)]
        ground.values[f"e_value_bytes_{form}"] = sum(map(len, objects)) / count
        told = Told()

        async with ground.server.client() as writer, ground.server.client() as watcher:
            await writer.index()
            await watcher.watch(directory, told.heard)
            written, watched = writer.traffic(), watcher.traffic()
            before = ground.server.look()
            for number, each in enumerate(objects):
                await writer.put(f"{directory}/load-1/rc-00001-{number:05d}", each)
            used = ground.used(before)
            await told.all(count)
            wire = writer.traffic() - written
            ground.values[f"e_write_bytes_{form}"] = (wire.sent + wire.received) / count
            events = (watcher.traffic() - watched).received
            ground.values[f"e_event_bytes_{form}"] = events / count
            ground.values[f"e_disk_bytes_per_write_{form}"] = used.disk_bytes / count
            ground.values[f"e_item_bytes_{form}"] = await _item_bytes(writer, directory, count)


async def _item_bytes(client: Client, directory: str, count: int) -> float:
    """Return what an item of a list takes: the answer's head and frame are spread over all."""
    before = client.traffic()
    answer = await client.everything(directory)
    received = (client.traffic() - before).received
    assert client.count(answer) == count
    return received / count
