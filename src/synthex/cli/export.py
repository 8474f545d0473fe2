"""``synthex export MODEL OUT``: a model as ONNX, as a program of torch.export, as a package or as a MONAI bundle."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.config.settings import choose
from synthex.core import ConfigError
from synthex.core.documents import read_text
from synthex.core.terminal import console, quiet_libraries
from synthex.runs import find_model, load, write_package
from synthex.runs.card import made_card
from synthex.runs.export import ONNX, PROGRAM, export_onnx, export_program
from synthex.runs.export_monai import export_monai
from synthex.runs.package_files import digest
from synthex.runs.zoo import MODEL_FILE

ENDINGS = {"package": "", "onnx": ONNX, "torch_export": PROGRAM, "monai": ""}
"""Formats, with the ending of the file that each makes; folders have none."""


def main(cfg: DictConfig) -> None:
    """Write ``cfg.run`` to ``cfg.output``."""
    quiet_libraries()
    if cfg.run is None:
        raise ConfigError("no model given; say which: synthex export outputs/quickstart model.onnx format=onnx")
    form = str(cfg.format)
    choose("format", form, tuple(ENDINGS))
    files = find_model(str(cfg.run))
    output = Path(str(cfg.output or f"outputs/exported/{files.name}{ENDINGS[form]}")).expanduser()
    card = _text(cfg.card) or files.card or made_card(files)
    licence, terms = None if cfg.licence is None else str(cfg.licence), _text(cfg.terms)
    if form == "package":
        for name in ("prior", "mirror_averaged", "pose_averaged"):
            if cfg[name] is not None:
                raise ConfigError(f"{name}: a package keeps what the model was told; give it to what loads the package")
        write_package(str(cfg.run), output, card, licence, terms)
        console.print(f"sha256 of its {MODEL_FILE}: {digest(output / MODEL_FILE)}")
    else:
        model = load(str(cfg.run), prior=cfg.prior, mirrored=cfg.mirror_averaged, posed=cfg.pose_averaged)
        if form == "monai":
            own = files.terms if licence is None else None
            export_monai(model, output, card, terms or own or f"Licence of these weights: {licence or files.licence}\n")
        else:
            (export_onnx if form == "onnx" else export_program)(model, output)
    console.print(f"{files.name} as {form}: {output}")


def _text(path: object) -> str | None:
    return None if path is None else read_text(Path(str(path)).expanduser(), "give a text file in UTF-8")
