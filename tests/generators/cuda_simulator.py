"""The CUDA projector in Numba's simulator, which must be chosen before Numba is imported: a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from synthex.core import Affine, Camera, Volume
from synthex.projection import HuTable


def project_simulated(folder: Path, calls):
    """Results of ``project_cuda`` for each (ct, labels, label_ids, cameras, tables): (water, paths, quantities)."""
    for number, (ct, labels, ids, cameras, tables) in enumerate(calls):
        record = {"ids": list(ids), "cameras": [camera.to_record() for camera in cameras]}
        arrays = {"ct": ct.data, "affine": ct.world_from_ijk.matrix, "record": np.array(json.dumps(record))}
        arrays |= {} if labels is None else {"labels": labels.data}
        arrays |= {} if tables is None else {"tables": np.stack([table.values for table in tables])}
        np.savez(folder / f"call-{number}.npz", **arrays)
    command = [sys.executable, __file__, str(folder), str(len(calls))]
    done = subprocess.run(
        command, env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}, timeout=240, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    results = []
    for number in range(len(calls)):
        with np.load(folder / f"result-{number}.npz") as found:
            results.append((found["water"], found["paths"], found["quantities"]))
    return results


def main() -> None:
    """In the process with the simulator: arguments are the folder and the number of calls."""
    from synthex.projection.cuda import DeviceVolumes, project_cuda

    folder, volumes = Path(sys.argv[1]), DeviceVolumes()
    for number in range(int(sys.argv[2])):
        with np.load(folder / f"call-{number}.npz") as call:
            record = json.loads(str(call["record"]))
            affine = Affine(call["affine"])
            labels = Volume(call["labels"], affine) if "labels" in call else None
            tables = [HuTable(values) for values in call["tables"]] if "tables" in call else None
            ct = Volume(call["ct"], affine)
        cameras = [Camera.from_record(camera) for camera in record["cameras"]]
        table = tables[0] if tables is not None and len(tables) == 1 else tables
        result = project_cuda(ct, labels, record["ids"], cameras, table=table, volumes=volumes)
        np.savez(
            folder / f"result-{number}.npz",
            water=result.water_path_mm.numpy(),
            paths=result.label_path_mm.numpy(),
            quantities=result.quantity_mm.numpy(),
        )


if __name__ == "__main__":
    main()
