"""Score prediction files against ground truth: tables, figures and a report. Knows files, not models."""

from synthex.evaluation.baseline import TrivialPredictor
from synthex.evaluation.compare import ComparisonTable, Figures, compare_figures, compare_scores
from synthex.evaluation.compare_tables import comparison_csv, comparison_latex
from synthex.evaluation.original import original_figures
from synthex.evaluation.pool import PooledReader, pool, pool_with_cases
from synthex.evaluation.prediction_set import PredictionSet, read_prediction_set, write_prediction_set
from synthex.evaluation.report import render_report
from synthex.evaluation.scorer import Evaluation, Predictor, evaluate
from synthex.evaluation.scores import Scores
from synthex.evaluation.summary import documented_keys, summarize
from synthex.evaluation.tables import csv_tables, terminal_table
from synthex.evaluation.write import EvaluationPaths, write_evaluation

__all__ = [
    "ComparisonTable",
    "Evaluation",
    "EvaluationPaths",
    "Figures",
    "PooledReader",
    "PredictionSet",
    "Predictor",
    "Scores",
    "TrivialPredictor",
    "compare_figures",
    "compare_scores",
    "comparison_csv",
    "comparison_latex",
    "csv_tables",
    "documented_keys",
    "evaluate",
    "original_figures",
    "pool",
    "pool_with_cases",
    "read_prediction_set",
    "render_report",
    "summarize",
    "terminal_table",
    "write_evaluation",
    "write_prediction_set",
]
