"""Sweeps: jobs of Hydra's launchers, in processes or on Slurm, and a search by Optuna that goes on after a crash."""
