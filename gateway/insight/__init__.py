"""Ring 1: history understood: scores, baselines, reports."""
