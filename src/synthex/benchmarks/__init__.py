"""Timings and memory of the projector and of the simulation of batches, beside peers where they are installed."""
