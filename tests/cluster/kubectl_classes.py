"""Which of the recorded kubectl commands agree with ours, and why the others do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.cluster.recorded_kubectl import Outcome


@dataclass(frozen=True, slots=True)
class Difference:
    """Why an answer differs on purpose, and how: apart from it, the two are the same.

    ``lacks`` and ``adds`` are patterns of lines: those of the record that ours lacks, and those of
    ours that the record lacks.
    """

    reason: str
    lacks: str = r"(?!)"
    adds: str = r"(?!)"
    code: int | None = None
    """Our exit code, where it is another."""

    def explains(self, ours: Outcome, recorded: Outcome) -> bool:
        """Whether the two are the same apart from this difference."""
        code = recorded.code if self.code is None else self.code
        return (
            ours.code == code
            and self._rest(ours.out, self.adds) == self._rest(recorded.out, self.lacks)
            and self._rest(ours.err, self.adds) == self._rest(recorded.err, self.lacks)
        )

    @staticmethod
    def _rest(lines: tuple[str, ...] | None, without: str) -> list[str]:
        return sorted(line for line in lines or () if not re.search(without, line))


OUT_OF_SCOPE: Final[Mapping[str, frozenset[int]]] = {
    "Deployments and their roll-outs": frozenset(
        (12, 14, 37, 40, 57, 78, 79, 80, 81, 82, 83, 84, 85, 113, 122, 135)
    ),
    "HorizontalPodAutoscalers": frozenset((88, 89, 142)),
    "server-side apply": frozenset((55, 56)),
    "Jobs and CronJobs": frozenset((52, 104, 105, 106, 133)),
    "DaemonSets": frozenset((123,)),
    "PodDisruptionBudgets": frozenset((112, 130)),
    "Ingresses": frozenset((115,)),
    "PriorityClasses": frozenset((116,)),
    "tokens of service accounts": frozenset((108,)),
    "roles and reviews of access": frozenset((109, 110, 117, 118, 119, 120)),
    "certificates": frozenset((146,)),
    "component statuses": frozenset((148,)),
}
CLEAR: Final = re.compile(
    r"the server doesn't have a resource type \"\w+\""
    r"|the server could not find the requested resource"
    r"|no matches for kind \"\w+\" in version"
    r"|Server-side apply not available on the server"
    r"|the selfsubjectreviews API is not enabled in the cluster"
    r"|no (status|history) viewer has been implemented"
    r"|couldn't find resource for"
)
"""What kubectl says of something that a server does not serve."""
SERVED: Final = (
    "NAME|bindings|configmaps|endpoints|events|limitranges|namespaces|nodes|persistentvolumeclaims"
    "|persistentvolumes|pods|replicationcontrollers|resourcequotas|secrets|serviceaccounts"
    "|services|replicasets|leases|endpointslices"
)
KUBELET: Final = "a hollow kubelet tells what it does"
PULLED: Final = " (Pulled|Created|Started)"
SYSTEM: Final = (
    "Machine ID|System UUID|Boot ID|Kernel Version|OS Image|Operating System|Architecture"
    "|Container Runtime Version"
)
DIFFERENT: Final[Mapping[int, Difference]] = {
    3: Difference("fewer groups are served", lacks=r"^(?!(apps|coordination|discovery|v1)\b)"),
    4: Difference("fewer kinds are served", lacks=rf"^(?!({SERVED})\b)|events\.k8s\.io"),
    5: Difference("fewer kinds are served", lacks=rf"^(?!({SERVED})\b)"),
    10: Difference("a hollow node says what it is", lacks=r"^kn1 ", adds=r"^kn1 .*Hollow Linux"),
    25: Difference(
        "no certificates are published", lacks=r"NAMESPACE|kube-", adds=r"^No resources found$"
    ),
    29: Difference("the Deployment is not there", lacks=r"UP-TO-DATE|^deployment\.apps"),
    33: Difference("columns of a ReplicaSet", lacks=r"UP-TO-DATE|^web", adds=r"DESIRED|^web 2 2 2"),
    34: Difference("columns of a ReplicaSet", lacks=r"UP-TO-DATE|^web", adds=r"DESIRED|^web 2 2 2"),
    35: Difference(KUBELET, lacks=r" ScalingReplicaSet ", adds=rf"{PULLED} pod/web-SUFFIX "),
    36: Difference(KUBELET, lacks=r" ScalingReplicaSet ", adds=rf"{PULLED} Pod/web-SUFFIX "),
    38: Difference(
        KUBELET,
        lacks=r"^(Container ID:$|Image ID: x)",
        adds=rf"^(Container ID: hollow:|Image ID: nginx@|PodReadyToStart)|{PULLED} AGE kubelet ",
    ),
    39: Difference(
        "a hollow node says more of itself than the recorded one",
        lacks=rf"^(Labels|Annotations|{SYSTEM}):|^Ready True| AGE node-controller ",
        adds=rf"^(Labels|Annotations|{SYSTEM}|PodCIDRs?|ProviderID|Hostname):|^Ready True"
        r"|^((beta\.)?kubernetes\.io/|\w+Pressure |ephemeral-storage: |hugepages)| AGE kubelet ",
    ),
    67: Difference(
        "a ReplicaSet has no such field", lacks="patched$", adds="no change|revisionHistoryLimit"
    ),
    68: Difference("a ReplicaSet has no such field", lacks="patched$", adds="no change|collisionC"),
    95: Difference("Endpoints were deprecated in 1.33", lacks=r"^Warning: v1 Endpoints"),
    96: Difference(
        "hollow nodes answer", code=0, lacks="^Error from server", adds="^one (of k/one|is ready)"
    ),
    97: Difference(
        "hollow nodes answer", code=0, lacks="^Error from server", adds="^c (of k/web-|is ready)"
    ),
    129: Difference(
        "no eviction is served: kubectl deletes the pods",
        code=0,
        lacks=r"evict|^Warning: ignoring|^There are|^pod/web-SUFFIX$|^kn1$",
        adds=r"^pod/(one|web-SUFFIX) deleted$|^node/kn1 drained$|^Warning: deleting",
    ),
    131: Difference("the pods have gone before", lacks=r"evict|^Warning: ignoring"),
    137: Difference(
        "there were the ReplicaSets of six roll-outs",
        lacks=r'^replicaset.apps "web',
        adds="^No resources found$",
    ),
    138: Difference(
        "a DaemonSet's and jobs' pods were left", lacks=r'"(cj|ds|fromcj)-', adds=r'"web-SUFFIX"'
    ),
    141: Difference("no certificates are published", lacks='"kube-root-ca.crt"'),
}
STANDING_IN: Final = frozenset(
    (11, 13, 27, 32, 33, 34, 65, 66, 67, 68, 69, 70, 71, 72, 73, 75, 76, 77, 86, 87, 93, 97, 136)
)
"""Commands about a Deployment for which a ReplicaSet stands in."""
BEFORE: Final[Mapping[int, tuple[str, ...]]] = {
    13: ("wait --for=jsonpath={.status.readyReplicas}=2 rs/web --timeout=60s",),
    65: (
        "scale rs web --replicas=3",
        "wait --for=jsonpath={.status.readyReplicas}=3 rs/web --timeout=60s",
    ),
    95: ("wait --for=jsonpath={.subsets[0].addresses[2].ip} endpoints/web --timeout=60s",),
}
"""What else must have happened before a command: what commands out of scope did, or time."""
