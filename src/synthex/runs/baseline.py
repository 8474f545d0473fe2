"""The trivial predictor of a run: what the mean of its training samples would answer."""

from pathlib import Path

from synthex.core import Reader
from synthex.core.terminal import track
from synthex.data import is_endless
from synthex.evaluation import TrivialPredictor


def keep_baseline(path: Path, train: Reader, samples: int) -> None:
    """Keep the trivial predictor of a run's first training samples; predictions need the data no more."""
    count = samples if is_endless(train) else min(samples, len(train))
    if count == 0:
        path.unlink(missing_ok=True)
    elif not path.exists() or TrivialPredictor.load(path).samples != count:
        found = (train[index] for index in range(count))
        TrivialPredictor.fit(track(found, "averaging for the baseline", count)).save(path)
