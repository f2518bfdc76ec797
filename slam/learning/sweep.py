"""``slam sweep``: trainings with different options and seeds, on one machine or many, none of them made twice."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from slam.errors import ConfigError
from slam.evaluation import environment
from slam.evaluation.run_folder import written_whole
from slam.learning.sweep_plan import NETWORKS, Plan, words
from slam.learning.sweep_table import sweep_csv, sweep_table
from slam.running.child_process import ended
from slam.running.engines import Lost, results_here, results_on_ray
from slam.running.packed_folder import PackedFolder

TIMEOUT_S = 7 * 24 * 3600.0
DONE = "training.json"
NO_FIGURES = ("stage", "step", "share", "pairs_per_s", "seconds")  # of a line of the log


@dataclass(frozen=True)
class Training:
    """One training of a sweep. All paths are absolute."""

    network: str
    values: dict[str, Any]  # of the grid's options
    seed: int
    words: tuple[str, ...]  # of ``slam train``, beside --out and --resume
    processes: int
    prepared: str
    folder: str
    shares_disk: bool  # the machine that trains can write into ``folder``
    key: str  # hash of everything that decides the result


@dataclass(frozen=True)
class Trained:
    """What a training came to: the figures of held-out pairs at its end, or why there are none."""

    values: dict[str, Any]
    seed: int
    folder: str  # its name among the results
    figures: dict[str, float]
    steps: int = 0
    wall_s: float = 0.0
    failure: str = ""


@dataclass(frozen=True)
class Returned:
    """A training, and its files where they must be brought back."""

    trained: Trained
    files: PackedFolder | None


@dataclass(frozen=True)
class SweepOptions:
    """Where a sweep runs, and where its results go."""

    out: Path
    engine: str = "local"
    address: str = ""  # of a Ray cluster
    workers: int = 1
    gpus: float = 0.0  # of each training, on Ray
    shares_disk: bool = True  # all machines see ``out`` under this path

    def __post_init__(self) -> None:
        if self.engine not in ("local", "ray"):
            raise ConfigError(f"--engine {self.engine}: is unknown; write local or ray")
        if self.workers < 1:
            raise ConfigError(f"--workers {self.workers}: must be at least 1")


def run_sweep(plan: Plan, options: SweepOptions, say: Callable[[str], object]) -> list[Trained]:
    """Train everything that is not done yet; sweep.md, .csv and .json are written anew after every training.

    Raises what ``results_on_ray`` raises.
    """
    trainings = list(_trainings(plan, options))
    found: dict[str, Trained] = {}

    def keep(training: Training, trained: Trained) -> None:
        found[training.folder] = trained
        say(f"{len(found)} of {len(trainings)}: {trained.folder}: {trained.failure or _told(trained.figures)}")
        _write([found[one.folder] for one in trainings if one.folder in found], plan, options.out)

    for training in trainings:
        before = finished(training)
        if before is not None:
            keep(training, before)
    for training, trained in _results([one for one in trainings if one.folder not in found], options):
        keep(training, trained)
    return [found[training.folder] for training in trainings]


def train(training: Training) -> Returned:
    """Train, going on from a checkpoint that a lost worker left; on a machine of its own disk, in a folder apart."""
    if training.shares_disk:
        return Returned(_trained(training, Path(training.folder)), None)
    with tempfile.TemporaryDirectory(prefix="slam-train-") as scratch:
        trained = _trained(training, Path(scratch))
        for unwanted in ("checkpoint.pt", *(prepares for _, prepares in NETWORKS.values())):
            _remove(Path(scratch) / unwanted)
        return Returned(trained, PackedFolder.of(Path(scratch)))


def finished(training: Training) -> Trained | None:
    """What a training with the same key came to before, or None; one that failed is made again."""
    try:
        plain = json.loads((Path(training.folder) / DONE).read_text(encoding="utf-8"))
        trained = Trained(**plain["trained"])
        return trained if plain["key"] == training.key and not trained.failure else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def command(training: Training, folder: Path) -> list[str]:
    """The command line of a training."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(training.processes)]
    launcher = torchrun if training.processes > 1 else []
    resume = ["--resume"] if (folder / "checkpoint.pt").exists() else []
    own = ["--seed", str(training.seed), "--out", str(folder)]
    return [sys.executable, *launcher, "-m", "slam", "train", training.network, *training.words, *own, *resume]


def _trained(training: Training, folder: Path) -> Trained:
    folder.mkdir(parents=True, exist_ok=True)
    _link_prepared(training, folder)
    done = ended(command(training, folder), TIMEOUT_S)
    empty = Trained(training.values, training.seed, Path(training.folder).name, {}, wall_s=round(done.wall_s, 1))
    if done.code != 0:
        trained = replace(empty, failure=f"exit code {done.code}: {done.last_line}")
    else:
        last = json.loads((folder / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
        figures = {name: float(value) for name, value in last.items() if name not in NO_FIGURES}
        trained = replace(empty, figures=figures, steps=int(last["step"]))
    with written_whole(folder / DONE) as path:
        path.write_text(json.dumps({"key": training.key, "trained": asdict(trained)}, indent=2) + "\n")
    return trained


def _link_prepared(training: Training, folder: Path) -> None:
    name = NETWORKS[training.network][1]
    link = folder / name
    if training.prepared and not link.exists():
        link.symlink_to(Path(training.prepared) / name, target_is_directory=True)


def _trainings(plan: Plan, options: SweepOptions) -> Iterator[Training]:
    commit, prepared = environment.commit(), str(Path(plan.prepared).resolve()) if plan.prepared else ""
    if prepared and not (Path(prepared) / NETWORKS[plan.network][1]).is_dir():
        raise ConfigError(f"prepared = '{plan.prepared}': has no {NETWORKS[plan.network][1]}; train there once first")
    for values, seed in plan.trainings():
        given = tuple(words(_with_whole_paths(plan.options | values)))
        decides = [plan.network, given, seed, plan.processes, prepared, commit]
        key = hashlib.sha256(json.dumps(decides).encode()).hexdigest()
        folder = options.out.resolve() / _name(values, seed)
        shares = options.shares_disk or options.engine == "local"
        yield Training(plan.network, values, seed, given, plan.processes, prepared, str(folder), shares, key)


def _with_whole_paths(options: dict[str, Any]) -> dict[str, Any]:
    """Paths from the root on, since a worker has a working folder of its own."""
    return {name: _whole(value) for name, value in options.items()}


def _whole(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return str(Path(value).resolve()) if isinstance(value, str) and Path(value).exists() else value


def _name(values: dict[str, Any], seed: int) -> str:
    parts = [f"{name}={Path(value).name if isinstance(value, str) else value}" for name, value in values.items()]
    return "_".join([*parts, f"seed={seed}"]).replace("/", "-").replace(" ", "")


def _results(trainings: list[Training], options: SweepOptions) -> Iterator[tuple[Training, Trained]]:
    if options.engine == "local":
        found = results_here(train, trainings, options.workers)
    else:
        found = results_on_ray(train, trainings, options.workers, options.address, options.gpus)
    for training, returned in found:
        if isinstance(returned, Lost):
            name = Path(training.folder).name
            yield training, Trained(training.values, training.seed, name, {}, failure=returned.why)
            continue
        if returned.files is not None:
            shutil.rmtree(training.folder, ignore_errors=True)
            returned.files.unpack(Path(training.folder))
        yield training, returned.trained


def _write(found: list[Trained], plan: Plan, out: Path) -> None:
    about = {"plan": asdict(plan), "commit": environment.commit(), "hardware": environment.hardware()}
    with written_whole(out / "sweep.json") as path:
        path.write_text(json.dumps({**about, "trainings": [asdict(one) for one in found]}, indent=2) + "\n")
    with written_whole(out / "sweep.csv") as path:
        path.write_text(sweep_csv(found), encoding="utf-8")
    with written_whole(out / "sweep.md") as path:
        path.write_text(sweep_table(found), encoding="utf-8")


def _told(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
