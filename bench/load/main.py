"""The load process: ``python -m bench.load.main SETTINGS.json``; ends at its time, or on SIGTERM.

gevent patches the standard library in place when locust is imported; nothing of asyncio is used.
What was measured is written to ``load-raw.json`` in the run's directory.
"""

from __future__ import annotations

import json
import logging
import random
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.event import Event
from locust import User
from locust.env import Environment
from locust.web import WebUI

from bench.load.recorder import Recorder
from bench.load.settings import RAW_FILE, LoadSettings, RawLoad
from bench.load.user import LoadCounts, Surroundings
from bench.load.users.registry import USERS
from bench.results import read_json, write_json
from storage.clock import SystemClock

STOP_S: Final = 30
"""How long users may take to leave in order."""
WEB_STOP_S: Final = 5
LOOK_S: Final = 0.01


def main(settings_file: Path) -> int:
    """Run the load; return the exit code."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    settings = read_json(settings_file, LoadSettings)
    around = Surroundings(settings, random.Random(settings.seed))
    recorder = Recorder()
    environment = Environment(user_classes=_classes(around), stop_timeout=STOP_S)
    environment.events.request.add_listener(_listener(recorder))
    runner = environment.create_local_runner()
    stopped = Event()
    clock = SystemClock()
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, stopped.set)
    started_ns = clock.stamp_ns()
    users: dict[str, int] = {}
    if settings.web:
        host, _, port = settings.web.rpartition(":")
        _check_free(host, int(port))
        web = environment.create_web_ui(host, int(port))
        _wait_served(web)
        _announce({"ready": True, "web": f"http://{settings.web}/"})
        stopped.wait()
        users = dict(runner.user_classes_count)
        with gevent.Timeout(WEB_STOP_S, exception=False):  # a browser may hold its connection
            web.stop()
    else:
        runner.start(settings.users, spawn_rate=settings.spawn_rate)
        _announce({"ready": True})
        stopped.wait(settings.duration_s or None)
        users = dict(runner.user_classes_count)
    ended_ns = clock.stamp_ns()
    with gevent.Timeout(STOP_S + WEB_STOP_S, exception=False):
        runner.quit()
    raw = _raw(recorder, around.counts, users, (started_ns, ended_ns))
    write_json(Path(settings.directory) / RAW_FILE, raw)
    return 0


def _classes(around: Surroundings) -> list[type[User]]:
    """Return the user classes that the settings name, tied to this run."""
    return [
        type(name, (USERS[name](),), {"around": around, "weight": weight})
        for name, weight in around.settings.kinds.items()
        if weight
    ]


def _check_free(host: str, port: int) -> None:
    """Raise OSError where the page cannot be served: locust would go on without it."""
    with socket.create_server((host, port)):
        return


def _wait_served(web: WebUI) -> None:
    """Wait until the page can be asked for: it is served by a greenlet that has yet to run."""
    while web.server is None or not web.server.started:
        gevent.sleep(LOOK_S)  # where it fails, locust's own handler ends the process


def _listener(recorder: Recorder) -> Any:
    def heard(
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        exception: BaseException | None,
        **_rest: object,
    ) -> None:
        recorder.record(request_type, name, response_time, response_length, exception)

    return heard


def _raw(
    recorder: Recorder, counts: LoadCounts, users: dict[str, int], times: tuple[int, int]
) -> RawLoad:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return RawLoad(
        started_s=times[0] / 1e9,
        ended_s=times[1] / 1e9,
        users=users,
        calls=recorder.statistics(),
        watch_events=counts.watch_events,
        watches_torn=counts.watches_torn,
        pods_run=counts.pods_run,
        cpu_s=used.ru_utime + used.ru_stime,
        rss_max_mib=used.ru_maxrss / 1024,
    )


def _announce(facts: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
