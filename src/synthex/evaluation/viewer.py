"""The report's viewer of cases: a picture each, and a slider from the image to the truth to the prediction."""

import base64
import json
import math
from collections.abc import Mapping
from html import escape
from typing import Any

from synthex.evaluation.gallery import CaseView, Marks
from synthex.evaluation.markup import resource, table
from synthex.evaluation.outlines import UNITS
from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.tables import number


def viewer(evaluations: Mapping[str, Evaluation]) -> str:
    """The section of the cases; empty where the evaluations keep no views.

    Pictures and outlines lie in one JSON element that a script turns into the few that are on screen, so hundreds of
    cases cost nothing before they are looked at. Without scripts the table of cases remains.

    Args:
        evaluations: Method to what was found, all with the views of the same cases.
    """
    first = next(iter(evaluations.values()))
    if not first.gallery:
        return ""
    count, total = len(first.gallery), len(first.scores.case_ids)
    shown = "All cases" if count == total else f"The {count} worst of {total} cases"
    content = json.dumps(viewer_data(evaluations), separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    # Inside of a script element only these end it or hide its end.
    content = content.replace("<", "\\u003c")
    return (
        '<h2 id="cases">Cases</h2>'
        f'<p class="soft">{shown}. The slider fades from the image to the truth to the prediction. Press a case to '
        "see it large, with all figures; the arrow keys go on from there.</p>"
        f'<div id="viewer" hidden>{_controls(evaluations)}<div class="grid" id="grid"></div>'
        '<p class="pages"><button type="button" id="back">Previous</button> <span id="where" aria-live="polite">'
        '</span> <button type="button" id="next">Next</button></p></div>'
        "<noscript><p>The pictures need JavaScript; every table of this page is readable without.</p></noscript>"
        f"{_case_table(evaluations)}{_DIALOG}"
        f'<script type="application/json" id="viewer-data">{content}</script>\n'
        f"<script>\n{resource('viewer.js')}</script>"
    )


def viewer_data(evaluations: Mapping[str, Evaluation]) -> dict[str, Any]:
    """What the viewer's script reads: ids, pictures, outlines, points and scores, and nothing else of a case."""
    first = next(iter(evaluations.values()))
    rows = {case_id: row for row, case_id in enumerate(first.scores.case_ids)}
    errors = [one.scores.full_error_mm for one in evaluations.values()]
    cases = []
    for views in zip(*(one.gallery for one in evaluations.values()), strict=True):
        view, row = views[0], rows[views[0].case_id]
        methods = [
            _marks(own.guesses[0])
            | {
                "rank": _rounded(own.badness[0]),
                "dice": [_rounded(value) for value in one.scores.dice[row].tolist()],
                "error": [_rounded(value) for value in found[row].tolist()],
            }
            for own, one, found in zip(views, evaluations.values(), errors, strict=True)
        ]
        cases.append(
            {
                "id": view.case_id,
                "subject": view.subject_id,
                "size": view.size,
                "image": base64.b64encode(view.image).decode("ascii"),
                "truth": _marks(view.truth),
                "absent": [int(flag) for flag in view.absent],
                "methods": methods,
            }
        )
    return {
        "units": UNITS,
        "ranked": rank_label(first),
        "methods": list(evaluations),
        "structures": list(first.scores.structures),
        "landmarks": list(first.scores.landmarks),
        "cases": cases,
    }


def rank_label(evaluation: Evaluation) -> str:
    """What cases are ranked by (see :meth:`ScoreBuilder.add`), for people."""
    if evaluation.scores.landmarks:
        return "mean error, no miss dropped"
    name = evaluation.protocol.primary.partition("/")[2]
    return f"Dice of {name}" if name in evaluation.scores.structures else "mean Dice"


def _marks(marks: Marks) -> dict[str, Any]:
    return {
        "outlines": list(marks.outlines),
        "points": [
            [round(UNITS * float(x), 1), round(UNITS * float(y), 1)] if math.isfinite(x) and math.isfinite(y) else None
            for x, y in marks.points
        ],
        "present": [int(flag) for flag in marks.present],
    }


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _controls(evaluations: Mapping[str, Evaluation]) -> str:
    first = next(iter(evaluations.values()))
    methods = "".join(f'<option value="{i}">{escape(name)}</option>' for i, name in enumerate(evaluations))
    groups, chosen = "", first.protocol.primary.partition("/")[2]
    for label, kind, names in (
        ("structures", "s", first.scores.structures),
        ("landmarks", "l", first.scores.landmarks),
    ):
        if names:
            options = "".join(
                f'<option value="{kind}{i}"{" selected" if name == chosen else ""}>{escape(name)}</option>'
                for i, name in enumerate(names)
            )
            groups += f'<optgroup label="{label}">{options}</optgroup>'
    several = len(evaluations) > 1
    differ = '<option value="differ">methods differ most</option>' if several else ""
    return (
        '<div class="controls" role="group" aria-label="What the viewer shows">'
        '<label>Case or subject<input type="search" id="query" placeholder="part of an id" autocomplete="off"></label>'
        f'<label{"" if several else " hidden"}>Method<select id="method">{methods}</select></label>'
        f'<label>Show<select id="name"><option value="">everything</option>{groups}</select></label>'
        '<label>Order<select id="order"><option value="worst">worst first</option><option value="best">best first'
        f'</option>{differ}<option value="id">by case</option></select></label>{_slider("fade")}</div>'
    )


def _slider(name: str) -> str:
    stops = "".join(
        f'<button type="button" data-fade="{value}">{text}</button>'
        for value, text in ((0, "image"), (1, "truth"), (1.5, "both"), (2, "prediction"))
    )
    return (
        f'<div class="fade"><input type="range" id="{name}" min="0" max="2" step="0.02" value="1.5" '
        f'aria-label="Fade from image to truth to prediction"><div class="stops">{stops}</div></div>'
    )


_DIALOG = (
    '<dialog id="case" aria-labelledby="case-name"><div class="bar-top"><h3 id="case-name"></h3>'
    '<button type="button" id="case-back" aria-label="Previous case">←</button>'
    '<button type="button" id="case-next" aria-label="Next case">→</button>'
    f'<button type="button" id="case-close">Close</button></div>{_slider("case-fade")}'
    '<div class="panels" id="panels"></div><div class="wrap" id="case-scores"></div></dialog>'
)


def _case_table(evaluations: Mapping[str, Evaluation]) -> str:
    views = list(zip(*(one.gallery for one in evaluations.values()), strict=True))
    with_landmarks = bool(next(iter(evaluations.values())).scores.landmarks)
    label = rank_label(next(iter(evaluations.values())))
    unit = f"{label}, mm" if with_landmarks else label
    header = ("case", "subject", *(f"{name}: {unit}" if len(evaluations) > 1 else unit for name in evaluations))
    rows = [
        (escape(group[0].case_id), escape(group[0].subject_id), *(_rank_text(view, with_landmarks) for view in group))
        for group in views
    ]
    return (
        "<details><summary>The cases as a table, worst first</summary>"
        f'<p class="soft">A case is as bad as its worst method finds it.</p>{table(header, rows)}</details>'
    )


def _rank_text(view: CaseView, with_landmarks: bool) -> str:
    badness = view.badness[0]
    return number(badness if with_landmarks else 1 - badness, 2 if with_landmarks else 3)
