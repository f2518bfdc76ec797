"""Where independent pieces of work run: in processes of this machine, or as tasks of Ray on this one or a cluster.

Both engines give results in the order in which they end, and both hold at most ``workers`` pieces in hand at a time.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from typing import Any, TypeVar

from slam.errors import ConfigError, MissingExtraError

Item = TypeVar("Item")
Result = TypeVar("Result")
RETRIES = 3  # of a piece of work whose worker or machine is gone
CONNECT_S = 10.0
CANCEL_S = 10.0
OBJECT_STORE_BYTES = 200_000_000  # what travels is small; Ray's default, a third of the memory, may not fit /dev/shm
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nobody is told that this ran
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a task that asks for no GPU sees what it would see without Ray
}


@dataclass(frozen=True)
class Lost:
    """In place of a result: the workers were lost, again and again."""

    why: str


def results_here(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[tuple[Item, Result | Lost]]:
    """Work on all items; ``work`` waits for a process of its own, so that a thread each is enough."""
    if workers == 1:
        yield from ((item, work(item)) for item in items)
        return
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(work, item): item for item in items}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def results_on_ray(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int, address: str = "", gpus: float = 0.0
) -> Iterator[tuple[Item, Result | Lost]]:
    """Work on all items, on a cluster or, without an address, on a Ray of this machine that ends with the iteration.

    ``work`` is a function of a module that every machine can import. What it raises is raised here; when its worker
    dies, it is called again on another, up to ``RETRIES`` times; what the worker had started is ended by Ray (2.57 or
    newer). Raises MissingExtraError without Ray and ConfigError when there is no cluster at the address.
    """
    ray, running = _started_ray(workers, address), dict[Any, Item]()
    try:
        # Spread, since pieces on one machine disturb each other's timings.
        task = ray.remote(_on_worker).options(
            num_cpus=1, num_gpus=gpus, max_retries=RETRIES, retry_exceptions=False, scheduling_strategy="SPREAD"
        )
        waiting = iter(items)
        running |= {task.remote(work, item): item for item in islice(waiting, workers)}
        while running:
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            yield running.pop(done), _result(ray, done)
            running |= {task.remote(work, item): item for item in islice(waiting, 1)}
    finally:
        _end(ray, list(running))


def _end(ray: Any, running: list[Any]) -> None:
    """Interrupt what still runs, as Ctrl-C does it, so that it ends its own processes: Ray ends only its workers."""
    for reference in running:
        ray.cancel(reference)
    if running:
        ray.wait(running, num_returns=len(running), timeout=CANCEL_S)
    ray.shutdown()


def _on_worker(work: Callable[[Item], Result], item: Item) -> Result:
    """Work, where exit codes of child processes can be asked for: Ray may have its workers ignore SIGCHLD."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return work(item)


def _started_ray(workers: int, address: str) -> Any:
    if find_spec("ray") is None:
        raise MissingExtraError("--engine ray needs Ray, which is not installed: pip install 'earlybird-slam[ray]'")
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address:
        _join(ray, address, quiet)
    else:
        ray.init(num_cpus=workers, include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **quiet)
    return ray


def _join(ray: Any, address: str, quiet: dict[str, Any]) -> None:
    """Join a cluster. Ray itself would wait for minutes where nobody listens."""
    try:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if port.isdecimal():
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:  # ConnectionError is an OSError
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(
            f"--address {address}: no Ray cluster answers ({why}); start one with `ray start --head`"
        ) from error


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError:  # the work's own exception
        raise
    except ray.exceptions.RayError as error:  # WorkerCrashedError, NodeDiedError, OutOfMemoryError, ObjectLostError
        return Lost(f"its worker was lost {RETRIES + 1} times ({type(error).__name__})")
