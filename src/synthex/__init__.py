"""synthex: train X-ray image models from simulation and prove them on real X-rays."""

__version__ = "0.1.0"
