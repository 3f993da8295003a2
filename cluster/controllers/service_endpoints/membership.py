"""Which pods a service has, kept up by events, so that neither side is searched.

A pod event asks the selector index who is concerned; in a namespace without services that is one
look-up, and otherwise one for each label. A pod that no service has is never parsed. What a service
is put in line for is a change of what endpoints tell of the pod: kubelets write much else. Changes
of pods wait ``PODS_BATCH_S`` for company, those of the service itself do not.

How this works, with a service s that selects app=web in namespace n::

    pod a (app=web) appears      members {s: {a}}, facts {a}     s in line in 0.1 s
    pod b (app=db) appears       one look-up                     nothing
    a: another condition         a is read: told as before       nothing
    a is labelled app=old        members {s: {}}, facts {}       s in line in 0.1 s
"""

from __future__ import annotations

from typing import Final

from cluster.client.interface import CachedObject, ObjectKey, WorkQueue
from cluster.client.selector_index import SelectorIndex
from cluster.client.sink import Sink
from cluster.controllers.runner import Surroundings, Synced
from cluster.controllers.service_endpoints.reading import ServicePod, read_pod
from serialization.api.core import v1_pb2 as core
from serialization.kinds import PODS, SERVICES
from serialization.selectors import NOTHING, of_map

PODS_BATCH_S: Final = 0.1
"""A service whose pods come up one by one is then written ten times a second, not for each pod.
Kubernetes' own default is no batching at all; its tests of 5000 nodes set half a second."""


class ServicePods:
    """The pods of each service; puts a service in line when they or it change."""

    def __init__(self, around: Surroundings) -> None:
        self._queue: WorkQueue[ObjectKey] = around.queue
        self.services = around.informers.informer(SERVICES, core.Service)
        self.pods = around.informers.informer(PODS, core.Pod)
        self._selectors = SelectorIndex()
        self._members: dict[ObjectKey, dict[ObjectKey, None]] = {}
        self._services: dict[ObjectKey, list[ObjectKey]] = {}
        """The other way: of the pods that some service has, which."""
        self._facts: dict[ObjectKey, ServicePod] = {}
        """Of those pods, once they were looked at."""
        self._triggers: dict[ObjectKey, int] = {}
        """When what has changed since the last sync did so first, in Unix seconds."""
        self.services.subscribe(_ServiceSink(self))
        self.pods.subscribe(Sink(self.pod_seen, self.pod_gone))

    @property
    def informers(self) -> tuple[Synced, ...]:
        """The caches that this reads."""
        return (self.services, self.pods)

    def of(self, service: ObjectKey) -> list[ServicePod]:
        """Return a service's pods as endpoints tell of them, in the order of their keys."""
        return [self._known(key) for key in sorted(self._members.get(service, ()))]

    def knows(self, service: ObjectKey) -> bool:
        """Return whether there is such a service."""
        return service in self._members

    def take_trigger_s(self, service: ObjectKey) -> int:
        """Return when the first change since the last call was made; 0: nothing that has a time."""
        return self._triggers.pop(service, 0)

    def trigger(self, service: ObjectKey, at_s: int) -> None:
        """Note the time of a change; the earliest holds. Of a service that is gone none does."""
        if at_s and service in self._members:
            self._triggers[service] = min(at_s, self._triggers.get(service, at_s))

    def _known(self, key: ObjectKey) -> ServicePod:
        facts = self._facts.get(key)
        if facts is None:
            cached = self.pods.lister.get(key)
            assert cached is not None, f"{key} is a member, and gone"
            facts = self._facts[key] = read_pod(cached.peek())
        return facts

    # what the caches tell

    def service_added(self, new: CachedObject[core.Service]) -> None:
        """A service appeared: its pods are what changed, whenever they came."""
        service = new.peek()
        self._selects(new.key, service)
        self._triggers.pop(new.key, None)
        self.trigger(new.key, service.metadata.creationTimestamp.seconds)
        self._queue.add(new.key)

    def service_changed(self, new: CachedObject[core.Service]) -> None:
        """A service changed, its selector perhaps too."""
        self._selects(new.key, new.peek())
        self._queue.add(new.key)

    def _selects(self, key: ObjectKey, service: core.Service) -> None:
        """Note what a service selects; find its pods anew if that is something else."""
        selector = of_map(service.spec.selector) if service.spec.selector else NOTHING
        if not self._selectors.put(key, selector):
            return
        self._let_go(key)
        members = self._members[key] = {}
        judged: dict[int, bool] = {}  # replicas share their labels, the very same dict
        for pod in self.pods.lister.list(key.namespace):
            labels = pod.labels
            picked = judged.get(id(labels))
            if picked is None:
                picked = judged[id(labels)] = selector.matches(labels)
            if picked:
                members[pod.key] = None
                self._services.setdefault(pod.key, []).append(key)

    def service_removed(self, last: CachedObject[core.Service]) -> None:
        """A service is gone."""
        key = last.key
        self._selectors.drop(key)
        self._let_go(key)
        self._triggers.pop(key, None)
        self._queue.add(key)

    def _let_go(self, service: ObjectKey) -> None:
        """Take all its pods from a service."""
        for pod in self._members.pop(service, ()):
            services = self._services[pod]
            services.remove(service)
            if not services:
                del self._services[pod]
                self._facts.pop(pod, None)

    def pod_seen(self, pod: CachedObject[core.Pod]) -> None:
        """A pod appeared or changed, its labels perhaps too."""
        key = pod.key
        services = self._selectors.matching(key.namespace, pod.labels)
        before = self._services.get(key)
        if before is None and not services:
            return
        if before != services:
            self._move(key, before or [], services)
        if services:
            known = self._facts.get(key)
            facts = self._facts[key] = read_pod(pod.peek())
            if before != services or known is None or not facts.tells_as(known):
                changed_s = facts.changed_s
                if known is not None and changed_s <= known.changed_s:
                    changed_s = 0
                self._tell(services, changed_s)

    def _move(self, pod: ObjectKey, before: list[ObjectKey], after: list[ObjectKey]) -> None:
        """Take a pod from the services that no longer have it, give it to those that do."""
        left = [each for each in before if each not in after]
        for service in left:
            del self._members[service][pod]
        for service in after:
            self._members[service][pod] = None
        if after:
            self._services[pod] = after
        else:
            del self._services[pod]
            self._facts.pop(pod, None)
        self._tell(left, 0)

    def pod_gone(self, pod: CachedObject[core.Pod]) -> None:
        """A pod was removed."""
        if (before := self._services.get(pod.key)) is not None:
            self._move(pod.key, before, [])

    def _tell(self, services: list[ObjectKey], changed_s: int) -> None:
        for service in services:
            self.trigger(service, changed_s)
            self._queue.add_after(service, PODS_BATCH_S)


class _ServiceSink:
    def __init__(self, to: ServicePods) -> None:
        self._to = to

    def added(self, new: CachedObject[core.Service]) -> None:
        self._to.service_added(new)

    def updated(self, old: CachedObject[core.Service], new: CachedObject[core.Service]) -> None:
        if old.uid != new.uid:
            self._to.service_removed(old)
            self._to.service_added(new)
        else:
            self._to.service_changed(new)

    def deleted(self, last: CachedObject[core.Service]) -> None:
        self._to.service_removed(last)
