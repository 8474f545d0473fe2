"""Score prediction files against ground truth: tables, figures and a report. Knows files, not models."""

from synthex.evaluation.baseline import FieldPredictor, TrivialPredictor
from synthex.evaluation.compare import Figures, compare_figures, compare_scores
from synthex.evaluation.compare_tables import comparison_csv, comparison_latex
from synthex.evaluation.comparison_table import ComparisonTable
from synthex.evaluation.gallery import MAX_CASES
from synthex.evaluation.methods import compare_methods
from synthex.evaluation.original import original_figures
from synthex.evaluation.pool import PooledReader, pool, pool_with_cases
from synthex.evaluation.prediction_set import JSON_NAME, PredictionSet, read_prediction_set, task_of
from synthex.evaluation.prediction_writer import write_prediction_set
from synthex.evaluation.quantities import LABELS
from synthex.evaluation.report import render_report
from synthex.evaluation.report_methods import render_methods_report
from synthex.evaluation.scorer import Evaluation, Predictor, evaluate, evaluate_methods
from synthex.evaluation.scores import Scores
from synthex.evaluation.summary import documented_keys, summarize
from synthex.evaluation.tables import csv_tables, terminal_table
from synthex.evaluation.trivial import compare_with_trivial
from synthex.evaluation.trivial_table import headline_differences
from synthex.evaluation.write import (
    ComparisonPaths,
    EvaluationPaths,
    check_method_names,
    write_comparison,
    write_evaluation,
)

__all__ = [
    "JSON_NAME",
    "LABELS",
    "MAX_CASES",
    "ComparisonPaths",
    "ComparisonTable",
    "Evaluation",
    "EvaluationPaths",
    "FieldPredictor",
    "Figures",
    "PooledReader",
    "PredictionSet",
    "Predictor",
    "Scores",
    "TrivialPredictor",
    "check_method_names",
    "compare_figures",
    "compare_methods",
    "compare_scores",
    "compare_with_trivial",
    "comparison_csv",
    "comparison_latex",
    "csv_tables",
    "documented_keys",
    "evaluate",
    "evaluate_methods",
    "headline_differences",
    "original_figures",
    "pool",
    "pool_with_cases",
    "read_prediction_set",
    "render_methods_report",
    "render_report",
    "summarize",
    "task_of",
    "terminal_table",
    "write_comparison",
    "write_evaluation",
    "write_prediction_set",
]
