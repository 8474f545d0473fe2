"""``python -m synthex.cli.job``: ``synthex`` with everything imported that trainings, preparations and tests need.

The processes of studies and sweeps run it; where they are forks, its imports are paid once.
"""

import importlib
import sys

from synthex.cli.main import main
from synthex.core.terminal import quiet_libraries

quiet_libraries()
for _commands in ("app", "train", "predict_cases", "evaluate", "simulate"):
    importlib.import_module(f"synthex.cli.{_commands}")
# What these import only when they need it, which each job does.
for _library in ("albumentations", "cv2", "h5py", "matplotlib.backends.backend_agg", "segmentation_models_pytorch"):
    importlib.import_module(_library)

if __name__ == "__main__":
    sys.exit(main())
