"""The fault suite: every fault, to every engine and every served protocol, before one judge.

``python -m tests.faults`` plays it; ``records`` says what is written down of a story, ``oracle``
what must be true of it, ``registry`` what there is to play.

**Process death.** SIGKILL at random points under load. What was acknowledged is there; what was
under way is there whole or not at all; watches go on without a gap, or end with an error that the
store declares: served from memory alone, that the history is lost.

**Power loss.** The system calls of the process that holds the data are recorded. At any point every
image that its unsynced writes could leave opens, and holds all that anybody had been told: for the
served protocols the answer on the socket, with the revision or index in its header.

**Full disk.** Writes are refused (over the protocols as NOSPACE, and in the second protocol as an
error of its own form), an alarm is told, reads and watches go on, it ends by itself when there is
room; what was refused never happens.

**Slow disk.** Writes share syncs, no answer comes before its sync, reads do not wait, TTLs hold.

**Torn connections.** At each byte; nobody else notices, and nothing is held of who is gone.

**Clock steps.** Revisions, answers and watches know no wall time, and no step touches them; timers
go by monotonic time. Of TTLs:

- The engines of the third generation read the wall clock once, when they open, and then go by
  monotonic time: a step neither ends a key or a lease nor prolongs it. A key's stored deadline is
  wall time as the engine had it: after a restart a clock that was set forward meanwhile ends it
  early by so much, one that was set back late by so much, never later. A lease as an object has its
  whole TTL before it after a restart.
- etcd 2 stores the wall time at which a key ends, and holds it against the wall clock at each look:
  a clock set forward ends what lies between, one set back prolongs by the step, restarted or not.
  A real one looks every half second, and so does ours while anything is to end.
- So nothing lives for ever: a key ends when the clock that it goes by reads its deadline.
"""
