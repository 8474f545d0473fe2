"""``synthex predict``: radiographs of which nothing is known, a folder that is watched, or cases of a reader.

Each imports what it needs: an answer to a picture does not wait for simulators and statistics.
"""

from omegaconf import DictConfig

from synthex.core import ConfigError


def main(cfg: DictConfig) -> None:
    """Predict what ``cfg`` names with the run ``cfg.run``.

    Raises:
        UserError: As the command that does it.
    """
    if cfg.run is None:
        raise ConfigError("no run given; say which: synthex predict outputs/quickstart")
    if cfg.watch is not None:
        from synthex.cli import predict_watch

        predict_watch.main(cfg)
    elif cfg.pictures is not None:
        from synthex.cli import predict_pictures

        predict_pictures.main(cfg)
    else:
        from synthex.cli import predict

        predict.main(cfg)
