"""``python -m synthex.cli.job``: ``synthex`` with everything imported that trainings, preparations and tests need.

The processes of studies and sweeps run it; where they are forks, its imports are paid once.
"""

import sys

import albumentations  # noqa: F401
import cv2  # noqa: F401
import h5py  # noqa: F401
import matplotlib.backends.backend_agg  # noqa: F401
import segmentation_models_pytorch  # noqa: F401

from synthex.cli import app, evaluate, predict_cases, simulate, train  # noqa: F401
from synthex.cli.main import main
from synthex.core.terminal import quiet_libraries

quiet_libraries()

if __name__ == "__main__":
    sys.exit(main())
