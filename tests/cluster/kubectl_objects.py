"""An object of each kind in scope, as users write them."""

from __future__ import annotations

from typing import Final

OBJECTS: Final = """\
apiVersion: v1
kind: ReplicationController
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {app: web}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: example/main:1
        ports: [{containerPort: 80, name: http}]
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m}}
        env:
        - {name: A, value: b}
        - {name: MY_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: SECRET, valueFrom: {secretKeyRef: {name: keys, key: a}}}
        volumeMounts: [{name: scratch, mountPath: /scratch}, {name: claimed, mountPath: /claimed}]
        livenessProbe: {httpGet: {path: /, port: http}}
      volumes:
      - {name: scratch, emptyDir: {}}
      - {name: claimed, configMap: {name: settings}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: back}
spec:
  replicas: 1
  selector: {matchLabels: {app: back}, matchExpressions: [{key: app, operator: Exists}]}
  template:
    metadata: {labels: {app: back}}
    spec: {containers: [{name: main, image: "example/main:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: a, port: 80, targetPort: http}, {name: b, port: 81, protocol: UDP}]
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere}
spec: {type: ExternalName, externalName: example.com}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: back}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: green}
binaryData: {raw: AAEC}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {a: "b"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: bot}
secrets: [{name: keys}]
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: most}
spec: {hard: {pods: "50", requests.cpu: "4"}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: bounds}
spec:
  limits: [{type: Container, default: {cpu: "1"}, defaultRequest: {cpu: 100m}, max: {cpu: "2"}}]
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /x}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: leader}
spec: {holderIdentity: me, leaseDurationSeconds: 15}
---
apiVersion: v1
kind: Endpoints
metadata: {name: by-hand}
subsets: [{addresses: [{ip: 10.1.2.3}], ports: [{port: 80, protocol: TCP}]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: by-hand}
addressType: IPv4
endpoints: [{addresses: [10.1.2.3]}]
ports: [{port: 80, name: "", protocol: TCP}]
---
apiVersion: v1
kind: Event
metadata: {name: odd}
involvedObject: {kind: Pod, name: x, namespace: default}
reason: Odd
message: hello
type: Normal
"""

READY: Final = (
    ("wait", "--for=jsonpath={.status.readyReplicas}=2", "rc/web", "--timeout=60s"),
    ("wait", "--for=jsonpath={.status.readyReplicas}=1", "rs/back", "--timeout=60s"),
    ("wait", "--for=jsonpath={.subsets[0].addresses[1].ip}", "ep/web", "--timeout=60s"),
)
"""What a user waits for after that."""
