"""Show that a change altered no sample and no training: digests before and after, on one machine.

    python tools/fingerprint.py record before.json      # on the old state
    python tools/fingerprint.py check before.json       # on the new one: names what differs, exit code 1

It goes through the command line alone, which outlives what lies behind it: the first cases of every task, level and
split as `synthex simulate` writes them, and the weights of a short training of every task. Digests hold between two
states of the code on one machine; other processors and library versions round differently.
"""

import argparse
import contextlib
import hashlib
import io
import json
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch

from synthex.cli.main import main

TASKS = ("hip_landmarks", "tool_detection", "lesion_segmentation")
LEVELS = ("naive", "heuristic", "realistic", "processed")
SPLITS = ("train", "val", "test")
SMALL = (
    *("data.size=96", "data.spacing_mm=4", "data.phantoms.train=2", "data.phantoms.val=1", "data.phantoms.test=1"),
    *("trainer=cpu", "model=unet_small", "data.workers=0", "data.batch_size=4", "baseline_samples=0"),
)


def synthex(*arguments: str) -> None:
    """Run a command in this process, since imports cost more than it; its words are shown where it fails."""
    words = io.StringIO()
    with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words):
        code = main([*arguments])
    if code:
        sys.exit(f"synthex {' '.join(arguments)}:\n{words.getvalue()}")


def digest_of_files(folder: Path) -> str:
    """Digest of every dataset of the HDF5 files of a folder: names, types, values."""
    found = hashlib.sha256()

    def add(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset):
            values = np.asarray(node[()])
            found.update(f"{name} {values.dtype.str} {values.shape}".encode())
            found.update(repr(values.tolist()).encode() if values.dtype == object else values.tobytes())

    for path in sorted(folder.rglob("*.h5")):
        with h5py.File(path) as file:
            file.visititems(add)
    return found.hexdigest()


def digest_of_weights(run: Path) -> str:
    """Digest of the tensors of a run's last checkpoint."""
    path = max((run / "checkpoints").glob("*.ckpt"), key=lambda one: one.stat().st_mtime)
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def fingerprints(samples: int, steps: int) -> dict[str, str]:
    """Digests by what they are of."""
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        for task in TASKS:
            for level in LEVELS:
                for split in SPLITS:
                    output = Path(temporary) / f"{task}-{level}-{split}"
                    synthex(
                        *("simulate", f"task={task}", f"simulation={level}", *SMALL, f"split={split}"),
                        *(f"count={samples}", "format=hdf5", "workers=0", f"output={output}"),
                    )
                    found[f"{samples} samples: {task} {level} {split}"] = digest_of_files(output)
                    print(".", end="", flush=True)
            folder = Path(temporary) / f"{task}-run"
            synthex(
                *("train", f"task={task}", "simulation=realistic", *SMALL, f"paths.run_dir={folder}", "test=false"),
                *(f"data.samples_per_epoch={4 * steps}", "trainer.max_epochs=1", "data.cases.val=1"),
            )
            found[f"weights after {steps} steps: {task}"] = digest_of_weights(folder)
    print()
    return found


def run() -> None:
    """Record or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("record", "check"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--steps", type=int, default=40)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # sums of threads are added in other orders
    found = fingerprints(arguments.samples, arguments.steps)
    if arguments.what == "record":
        arguments.file.write_text(json.dumps(found, indent=1) + "\n")
        return
    before = json.loads(arguments.file.read_text())
    changed = sorted(name for name in before.keys() | found.keys() if before.get(name) != found.get(name))
    print("\n".join(f"differs: {name}" for name in changed) or f"all {len(found)} are equal")
    sys.exit(1 if changed else 0)


if __name__ == "__main__":
    run()
