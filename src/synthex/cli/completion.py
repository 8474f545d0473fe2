"""Tab completion for subcommands, groups, options and settings."""

from collections.abc import Sequence

from synthex.cli.main import COMMANDS, second_words

BASH = """_synthex() {
    local line="${COMP_LINE:0:$COMP_POINT}"
    COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
    COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
    compopt -o nospace 2>/dev/null
    COMPREPLY=($(synthex completion query "$line" 2>/dev/null))
}
complete -F _synthex synthex"""

ZSH = "autoload -Uz bashcompinit && bashcompinit\n" + BASH


def complete(arguments: Sequence[str]) -> int:
    """``completion bash|zsh`` prints the script; ``completion query LINE`` prints the candidates."""
    if list(arguments) == ["bash"]:
        print(BASH)
    elif list(arguments) == ["zsh"]:
        print(ZSH)
    elif len(arguments) == 2 and arguments[0] == "query":
        print("\n".join(candidates(arguments[1])))
    else:
        print('usage: eval "$(synthex completion bash)" (or zsh)')
        return 2
    return 0


def candidates(line: str) -> list[str]:
    """What may stand where the cursor is at the end of ``line`` (the whole command line so far)."""
    words = line.split(" ")[1:]
    if len(words) <= 1:
        names = sorted({name.split(" ")[0] for name in COMMANDS})
        return [f"{name} " for name in names if name.startswith(words[0] if words else "")]
    second = second_words(words[0])
    if second and len(words) == 2:
        return [f"{word} " for word in second if word.startswith(words[1])]
    command = f"{words[0]} {words[1]}" if second else words[0]
    if command not in COMMANDS or command == "completion":
        return []
    return _hydra_candidates(command.replace(" ", "_"), words[-1])


def _hydra_candidates(config_name: str, word: str) -> list[str]:
    from hydra import initialize_config_dir
    from hydra._internal.core_plugins.bash_completion import BashCompletion
    from hydra.core.global_hydra import GlobalHydra

    from synthex.config.compose import options, prepare_hydra

    group, equals, start = word.partition("=")
    if equals and (known := options(group)):  # Hydra would not look into folders, as in experiment=hip/…
        return [f"{group}={name}" for name in known if name.startswith(start)]
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(prepare_hydra())):
        loader = GlobalHydra.instance().config_loader()
        found: list[str] = BashCompletion(loader)._query(config_name=config_name, line=word)
    return found
