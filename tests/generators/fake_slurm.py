"""The few commands of Slurm that submitit needs, as scripts that run jobs at once on this machine."""

from pathlib import Path

COMMON = """#!/bin/bash
state=STATE
start() {  # NAME FILE: run a job, its number and task as Slurm says them
    (
        export SLURM_JOB_ID=${1%_*} SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_JOB_NUM_NODES=1
        export SLURM_NTASKS=1 SLURM_JOB_NODELIST=localhost
        case $1 in *_*) export SLURM_ARRAY_JOB_ID=${1%_*} SLURM_ARRAY_TASK_ID=${1#*_} ;; esac
        setsid bash "$2" >/dev/null 2>&1 </dev/null &
        echo $! >"$state/$1.pid"
        echo "$2" >"$state/$1.file"
    )
}
alive() { kill -0 "$(cat "$state/$1.pid")" 2>/dev/null; }
"""

SCRIPTS = {
    "sbatch": """
number=$(($(cat "$state/last" 2>/dev/null || echo 100) + 1))
echo $number >"$state/last"
tasks=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$1")
if [ -n "$tasks" ]; then for task in $(seq 0 "$tasks"); do start "${number}_$task" "$1"; done
else start "$number" "$1"; fi
echo "Submitted batch job $number"
""",
    "srun": """
while true; do
    case $1 in --output | --error) shift 2 ;; --*) shift ;; *) break ;; esac
done
exec "$@"
""",
    "squeue": """
for argument in "$@"; do
    case $argument in --jobs=*) names=${argument#--jobs=} ;; esac
done
for name in ${names//,/ }; do if alive "$name"; then echo "$name"; fi; done
""",
    "scontrol": """
name=$2
echo "$1 $2" >>"$state/requeued.txt"
(
    while alive "$name"; do sleep 0.1; done
    start "$name" "$(cat "$state/$name.file")"
) >/dev/null 2>&1 &
""",
}


def write_fake_slurm(folder: Path) -> Path:
    """Write the commands to ``folder/bin``, which goes to the front of PATH; returns it."""
    (folder / "bin").mkdir(parents=True)
    for name, text in SCRIPTS.items():
        script = folder / "bin" / name
        script.write_text(COMMON.replace("STATE", f"'{folder}'") + text)
        script.chmod(0o755)
    return folder / "bin"
