"""Creates and deletes the pods of a replica controller, with expectations, events, slow start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from cluster.client.failures import is_namespace_terminating
from cluster.client.interface import ApiError, ObjectKey, TransportError
from cluster.controllers.expectations import Expectations
from cluster.controllers.replicas import PodFacts, pod_of_template, slow_start
from cluster.controllers.runner import Surroundings
from serialization.api.core.v1_pb2 import ObjectReference, PodTemplateSpec
from serialization.api.meta.v1_pb2 import OwnerReference
from serialization.kinds import PODS


class Owner(NamedTuple):
    """The object on whose behalf pods are written."""

    about: ObjectReference
    """What events are about."""
    reference: OwnerReference
    """What its pods carry."""


class Replicas:
    """Writes pods. What is about to be written is expected before the first request is sent."""

    def __init__(self, around: Surroundings, expectations: Expectations) -> None:
        self._client = around.client
        self._recorder = around.recorder
        self._clock = around.clock
        self._expectations = expectations
        self.created = 0
        self.deleted = 0

    async def create(
        self, key: ObjectKey, owner: Owner, template: PodTemplateSpec, count: int
    ) -> Exception | None:
        """Create pods in batches of 1, 2, 4, ...; stop at the first failure and return it."""
        self._expectations.expect_creations(key, count, self._clock.stamp_ns())
        left = count
        for batch in slow_start(count):
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._create_one(key, owner, template)) for _ in range(batch)
                ]
            left -= batch
            failure = _first_failure(tasks)
            if failure is not None:
                self._expectations.creation_observed(key, left)  # those are not even tried
                # In a namespace that goes away no try can succeed: nothing failed, all is over.
                return None if is_namespace_terminating(failure) else failure
        return None

    async def delete(
        self, key: ObjectKey, owner: Owner, surplus: Sequence[PodFacts]
    ) -> Exception | None:
        """Delete these very pods, all at once; return the first failure."""
        uids = [pod.uid for pod in surplus]
        self._expectations.expect_deletions(key, uids, self._clock.stamp_ns())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._delete_one(key, owner, pod)) for pod in surplus]
        return _first_failure(tasks)

    async def _create_one(
        self, key: ObjectKey, owner: Owner, template: PodTemplateSpec
    ) -> Exception | None:
        pod = pod_of_template(template, key.namespace, owner.reference)
        try:
            made = await self._client.create(PODS, key.namespace, pod)
        except (ApiError, TransportError) as error:
            self._expectations.creation_observed(key)
            if is_namespace_terminating(error):
                return error
            self._recorder.record(
                owner.about, "FailedCreate", f"Error creating: {error}", warning=True
            )
            return error
        self.created += 1
        self._recorder.record(owner.about, "SuccessfulCreate", f"Created pod: {made.metadata.name}")
        return None

    async def _delete_one(self, key: ObjectKey, owner: Owner, pod: PodFacts) -> Exception | None:
        try:
            await self._client.delete(PODS, pod.key, uid=pod.uid)
        except (ApiError, TransportError) as error:
            self._expectations.deletion_observed(key, pod.uid)
            if isinstance(error, ApiError) and error.code == 404:
                return None  # gone already: the cache will tell
            self._recorder.record(
                owner.about, "FailedDelete", f"Error deleting: {error}", warning=True
            )
            return error
        self.deleted += 1
        self._recorder.record(owner.about, "SuccessfulDelete", f"Deleted pod: {pod.key.name}")
        return None


def _first_failure(tasks: Sequence[asyncio.Task[Exception | None]]) -> Exception | None:
    return next((each for task in tasks if (each := task.result()) is not None), None)
