"""One self-contained HTML page: figures beside the baseline, curves, tables, pictures, provenance."""

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from synthex.evaluation.charts import (
    curve_chart,
    cut_chart,
    dice_chart,
    distribution_chart,
    error_boxes,
    methods_dice_chart,
)
from synthex.evaluation.markup import bar, figure, page, table, warning
from synthex.evaluation.mask_table import mask_score_header, mask_score_rows
from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.summary import documented_keys
from synthex.evaluation.tables import gate_text, interval_note, interval_text, number, overall_rows, spread_text
from synthex.evaluation.trivial_table import trivial_section
from synthex.evaluation.viewer import viewer

_CORRECTION = "the predictors in one figure, and for landmarks or structures one by one"

FEW_STRUCTURES = 3
"""Up to so many structures are shown one by one: a mean over unlike ones, such as lesion and lungs, says little."""


def render_report(
    evaluation: Evaluation,
    images: Mapping[str, bytes],
    title: str = "",
    details: Mapping[str, Any] | None = None,
    radiographs: Mapping[str, bytes] | None = None,
) -> str:
    """The page as text. It loads nothing: pictures and the viewer's script are embedded, charts are inline SVG.

    Args:
        evaluation: What was found.
        images: PNG files by name; names start with ``best-``, ``median-`` or ``worst-``.
        title: Headline; the task's name if empty.
        details: Extra JSON values shown with the provenance.
        radiographs: PNG files by caption, of answers that nothing is known to hold against.
    """
    summary, scores = evaluation.summary, evaluation.scores
    headline = title or f"Evaluation of {evaluation.protocol.task.replace('_', ' ')}"
    body = [
        f"<h1>{escape(headline)}</h1>",
        f'<p class="soft">{summary["cases"]} images of {summary["subjects"]} subjects · task '
        f"{escape(evaluation.protocol.task)}{_landmark_count(evaluation)}</p>",
        _warnings(evaluation),
        _cards(evaluation),
        f'<p class="soft">{escape(gate_text(evaluation))}</p>' if evaluation.protocol.gate is not None else "",
        _comparison(evaluation),
        "" if evaluation.against is None else trivial_section(evaluation.against, evaluation.protocol, _CORRECTION),
    ]
    if scores.landmarks:
        body += [
            "<h2>Landmark errors</h2>",
            '<div class="pair">',
            figure("Error against the share of landmarks accepted", curve_chart(evaluation),
                    "Each dot is a confidence cut; the ring is the model's own decision. Low and right is good."),
            figure("How many landmarks are within a given error", distribution_chart(evaluation),
                    "All visible landmarks count; missed ones never get there. Thin lines: one landmark each. "
                    + ("Dashed: baseline." if evaluation.baseline is not None else "")),
            "</div>",
            '<div class="pair">',
            figure("Error by landmark, detected ones", error_boxes(evaluation),
                    "Box: quartiles; bar: median; line: 5th to 95th percentile."),
            figure("What the confidence cut does", cut_chart(evaluation),
                    "Solid: visible landmarks accepted. Dashed: landmarks outside the image accepted."),
            "</div>",
            "<h2>By landmark</h2>",
            _landmark_table(evaluation),
        ]  # fmt: skip
    if scores.structures:
        body += ["<h2>By structure</h2>", _structure_table(evaluation), _mask_scores(evaluation)]
        body += [f'<div class="pair">{"".join(_dice_charts(evaluation))}</div>']
    body += [_radiographs(radiographs or {}), viewer({"model": evaluation}), _shots(images)]
    body += [provenance({**(details or {}), **evaluation.provenance}), _definitions(evaluation)]
    return page(headline, body)


def _landmark_count(evaluation: Evaluation) -> str:
    return f" · {evaluation.summary['visible_landmarks']} visible landmarks" if evaluation.scores.landmarks else ""


def _warnings(evaluation: Evaluation) -> str:
    notes = []
    for cases, text in (
        (evaluation.missing, "have no prediction and are not scored"),
        (evaluation.extra, "are predicted but not in the dataset"),
    ):
        if cases:
            shown = ", ".join(cases[:5]) + (" …" if len(cases) > 5 else "")
            notes.append(f"{len(cases)} cases {text}: {shown}")
    if note := interval_note(evaluation):
        notes.append(note)
    return "".join(map(warning, notes))


def _cards(evaluation: Evaluation) -> str:
    summary = evaluation.summary
    cards = []
    if evaluation.scores.landmarks:
        cards += [
            _card(summary, "Mean landmark error", "landmark_error_mm_mean", "mm", "landmark_error_mm_ci95"),
            _card(summary, "Detection rate", "detection_rate", "%", "detection_rate_ci95"),
            _card(summary, "False detections", "false_detection_rate", "%", None),
        ]
    if evaluation.scores.structures:
        name = evaluation.protocol.primary.partition("/")[2]
        if name in evaluation.scores.structures:
            cards.append(_card(summary, f"Dice of {name}", f"dice_mean/{name}", "", "dice_ci95"))
        cards.append(_card(summary, "Mean Dice", "dice_mean", "", "dice_ci95"))
    return f'<div class="cards">{"".join(cards)}</div>'


def _card(summary: Mapping[str, Any], name: str, key: str, unit: str, interval: str | None) -> str:
    scale, digits = {"%": (100, 1), "mm": (1, 2)}.get(unit, (1, 3))

    def show(value: float | None, with_unit: bool = False) -> str:
        if value is None:
            return "–"
        return number(value * scale, digits) + (f" {unit}" if with_unit and unit else "")

    lines = []
    end = key[key.index("/") :] if "/" in key else ""
    if interval is not None and summary[f"{interval}_low{end}"] is not None:
        lines.append(f"95 % CI {show(summary[f'{interval}_low{end}'])} to {show(summary[f'{interval}_high{end}'])}")
    if f"baseline_{key}" in summary:
        lines.append(f'<span class="base">baseline {show(summary[f"baseline_{key}"], True)}</span>')
    shown = "" if summary[key] is None else unit
    return (
        f'<div class="card"><div class="name">{escape(name)}</div><div class="value own">{show(summary[key])} '
        f'<span class="unit">{shown}</span></div><div class="soft">{"<br>".join(lines) or "&nbsp;"}</div></div>'
    )


def _comparison(evaluation: Evaluation) -> str:
    if evaluation.baseline is None:
        return ""
    rows = [
        (escape(label), model, interval, f'<span class="base">{base}</span>')
        for label, _, model, interval, base in overall_rows(evaluation)
    ]
    return (
        "<h2>Beside the baseline</h2>"
        '<p class="soft">Scored on the same images. Unless another set was given, the baseline answers with mean '
        "positions and mean masks, whatever the image shows.</p>"
        + table(("figure", "model", "95 % CI", "baseline"), rows)
    )


def _mask_scores(evaluation: Evaluation) -> str:
    if not evaluation.scores.reported:
        return ""
    rows = [tuple(map(escape, row)) for row in mask_score_rows(evaluation, spread=True)]
    note = (
        '<p class="soft">Mean ± standard deviation over images. A region as the answer takes the whole true region for '
        "the structure: it knows where to look and sees nothing.</p>"
        if evaluation.scores.field_baseline is not None
        else ""
    )
    return f"<h3>Scores of masks</h3>{note}{table(mask_score_header(evaluation), rows)}"


def _dice_charts(evaluation: Evaluation) -> list[str]:
    """One chart a structure where there are few, since a mean over unlike structures says little; else one of all."""
    names = evaluation.scores.structures
    dashed = " Dashed: baseline." if evaluation.baseline is not None else ""
    if not 1 < len(names) <= FEW_STRUCTURES:
        thin = " Thin lines: one structure each." if len(names) > 1 else ""
        text = f"High and right is good.{thin}{dashed}"
        return [figure("How many masks reach a given Dice", dice_chart(evaluation), text)]
    return [
        figure(f"How many masks reach a given Dice: {name}", methods_dice_chart({"model": evaluation}, name),
               "High and right is good." + dashed)
        for name in names
    ]  # fmt: skip


def _landmark_table(evaluation: Evaluation) -> str:
    summary = evaluation.summary
    based = evaluation.baseline is not None
    header = ["landmark", "visible", "mean ± std mm", "median", "95th pct", "95 % CI", "no miss dropped"]
    header += ["baseline mean"] if based else []
    rows = []
    for name in (*evaluation.scores.landmarks, ""):
        end = f"/{name}" if name else ""
        low, high = summary[f"landmark_error_mm_ci95_low{end}"], summary[f"landmark_error_mm_ci95_high{end}"]
        rate = [summary[f"detection_rate_ci95_{side}{end}"] for side in ("low", "high")]
        row = [
            escape(name) or "all",
            str(summary[f"visible_landmarks{end}"]),
            spread_text(summary[f"landmark_error_mm_mean{end}"], summary[f"landmark_error_mm_std{end}"]),
            number(summary[f"landmark_error_mm_median{end}"]),
            number(summary[f"landmark_error_mm_p95{end}"]),
            interval_text(low, high),
            number(summary[f"landmark_error_mm_mean_all{end}"]),
        ]
        if based:
            row.append(f'<span class="base">{number(summary[f"baseline_landmark_error_mm_mean{end}"])}</span>')
        row += [
            number(summary[f"false_detection_rate{end}"], percent=True),
            bar(summary[f"detection_rate{end}"], percent=True) + _below(rate),
        ]
        rows.append(tuple(row))
    return table((*header, "false", "detected (95 % CI)"), rows, total=True)


def _structure_table(evaluation: Evaluation) -> str:
    summary = evaluation.summary
    based = evaluation.baseline is not None
    header = ["structure", "images", "mean ± std", "median", "95 % CI of mean"]
    rows = []
    for name in (*evaluation.scores.structures, ""):
        end = f"/{name}" if name else ""
        row = [
            escape(name) or "all",
            str(summary[f"dice_cases{end}"] if name else summary["cases"]),
            spread_text(summary[f"dice_mean{end}"], summary[f"dice_std{end}"], 3),
            number(summary[f"dice_median{end}"], 3),
            interval_text(summary[f"dice_ci95_low{end}"], summary[f"dice_ci95_high{end}"], 3),
        ]
        if based:
            row.append(f'<span class="base">{number(summary[f"baseline_dice_mean{end}"], 3)}</span>')
        rows.append((*row, bar(summary[f"dice_mean{end}"])))
    return table((*header, *(["baseline mean"] if based else []), "mean Dice"), rows, total=True)


def _radiographs(images: Mapping[str, bytes]) -> str:
    if not images:
        return ""
    shots = "".join(
        f'<figure><img loading="lazy" alt="{escape(caption)}" src="{_embedded(content)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, content in images.items()
    )
    return f'<h2>Radiographs without ground truth</h2><div class="shots pair">{shots}</div>'


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _shots(images: Mapping[str, bytes]) -> str:
    if not images:
        return ""
    parts = ["<h2>Best, median and worst cases at full size</h2>"]
    for rank in ("best", "median", "worst"):
        group = {name: content for name, content in images.items() if name.startswith(f"{rank}-")}
        shots = "".join(
            f'<figure><img loading="lazy" alt="{escape(name.removesuffix(".png"))}" '
            f'src="{_embedded(content)}"></figure>'
            for name, content in group.items()
        )
        if group:
            parts.append(f"<details><summary><b>{rank.capitalize()}</b></summary>"
                         f'<div class="shots pair">{shots}</div></details>')  # fmt: skip
    return "".join(parts)


def provenance(details: Mapping[str, Any], headline: str = "Provenance") -> str:
    """JSON values by name: where the figures come from."""
    items = "".join(
        f"<dt>{escape(str(key))}</dt><dd>{escape(value if isinstance(value, str) else json.dumps(value))}</dd>"
        for key, value in details.items()
    )
    return f'<h2>{escape(headline)}</h2><div class="card"><dl>{items or "<dt>none given</dt><dd></dd>"}</dl></div>'


def _definitions(evaluation: Evaluation) -> str:
    keys = documented_keys(evaluation.scores, with_baseline=False, with_gate=evaluation.protocol.gate is not None)
    absent = () if evaluation.scores.landmarks else ("landmark", "detection")
    items = "".join(
        f"<dt><code>{escape(key)}</code></dt><dd>{escape(text)}</dd>"
        for key, text in keys.items()
        if "/" not in key and not any(word in key for word in absent)
    )
    return (
        "<details><summary>What the keys of summary.json mean</summary>"
        '<p class="soft">Keys of one landmark or structure carry its name after a slash; those of the baseline '
        f'have the prefix baseline_.</p><div class="card"><dl>{items}</dl></div></details>'
    )


def _below(interval: Sequence[float | None]) -> str:
    """An interval of a rate in a line of its own; nothing where there is none."""
    text = interval_text(interval[0], interval[1], percent=True)
    return "" if None in interval else f'<br><span class="soft">{text}</span>'
