"""The card of a model that has none: what its settings say, and what only its maker can."""

from synthex.runs.package import ModelFiles


def made_card(files: ModelFiles) -> str:
    """Markdown: what the model finds and was trained with, as far as its settings say it."""
    task, config = files.task(), files.config
    names = task.vocabulary
    parts = [f"{len(names.landmarks)} landmarks ({', '.join(names.landmarks)})"] if names.landmarks else []
    parts += [f"{len(names.structures)} masks ({', '.join(names.structures)})"] if names.structures else []
    trainer = config.get("trainer")
    epochs = trainer.get("max_epochs") if isinstance(trainer, dict) else None
    each = files.data.get("samples_per_epoch")
    seen = f", {epochs} epochs of {each} images" if epochs and each else ""
    return "\n\n".join(
        (
            f"# {files.name}: {task.name}",
            f"**What it does.** {'; '.join(parts)}.",
            f"**What it was trained on.** Images of {files.data['size']} px{seen}. *Made of the settings; say more.*",
            "**How well it does.** *Not stated.*",
            "**What it is not for.** Any clinical decision.\n",
        )
    )
