"""Frames a second of `synthex explore` while the C-arm turns, at every level: wall time, and time of the processor.

``python benchmarks/explore.py`` prints a table. On a machine that does other things too, the time of the processor
over the number of threads says what a quiet one would do at best.
"""

import argparse
import time

from synthex.anatomy.phantom import PelvisPhantoms
from synthex.explore import Scenes, Subjects, make_controls, read_state, render
from synthex.explore.controls import LEVELS
from synthex.explore.messages import frame_facts, packed
from synthex.projection import default_threads
from synthex.tasks import hip_landmarks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--spacing", type=float, default=2.0, help="voxels of the phantom, mm")
    given = parser.parse_args()
    phantoms = PelvisPhantoms(1, first=3, spacing_mm=given.spacing)
    scenes = Scenes({"hip_landmarks": lambda: Subjects(phantoms, hip_landmarks.build())})
    controls = make_controls(scenes.names, 1)
    scene, task = scenes.scene("hip_landmarks", 0, 0), scenes.task("hip_landmarks")
    print(f"{given.size} x {given.size} pixels, {scene.anatomy.ct.shape} voxels, {default_threads()} threads")
    print("| level | s a frame | frames/s | processor s a frame | frames/s of a quiet machine at best |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for level in LEVELS:
        states = [read_state({"level": level, "lao_rao_deg": n}, controls) for n in range(given.frames + 1)]
        render(scene, task, states[0], given.size)
        wall, processor = time.perf_counter(), time.process_time()
        for state in states[1:]:
            frame = render(scene, task, state, given.size)
            packed(frame_facts(frame, task), frame.shown.tobytes())
        wall = (time.perf_counter() - wall) / given.frames
        processor = (time.process_time() - processor) / given.frames
        print(f"| {level} | {wall:.3f} | {1 / wall:.1f} | {processor:.3f} | {default_threads() / processor:.1f} |")


if __name__ == "__main__":
    main()
