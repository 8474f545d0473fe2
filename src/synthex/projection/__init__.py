"""Line integrals through volumes: a fast CPU kernel and its plain PyTorch twin."""

from synthex.projection.projector import Backend, Projection, default_threads, project

__all__ = ["Backend", "Projection", "default_threads", "project"]
