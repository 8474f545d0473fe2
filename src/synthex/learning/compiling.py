"""Whether ``torch.compile`` can work on this machine."""

import torch

from synthex.core import ConfigError


def check_compiler(device: torch.device) -> None:
    """Compile something tiny for ``device``; a missing compiler would otherwise show in the first training step.

    Raises:
        ConfigError: It does not work.
    """
    try:
        torch.compile(_probe)(torch.ones(2, device=device))
    except (RuntimeError, ImportError, OSError) as error:  # Dynamo's and Inductor's errors are RuntimeErrors
        reason = " ".join(str(error).split())[:120]
        needed = "Triton" if device.type == "cuda" else "a C++ compiler such as g++"
        raise ConfigError(
            f"compile=true: torch.compile does not work on this machine's {device.type} ({reason}); "
            f"install {needed}, or set compile=false"
        ) from error


def _probe(values: torch.Tensor) -> torch.Tensor:
    return values.sin() + values
