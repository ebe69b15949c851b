"""A view of the experiment for MLflow's pages: one row per model and profile, with the columns and charts that matter.

MLflow keeps views that people share as tags of an experiment, and opens them by an address with the tag's name. The
format is that of its pages (3.17); fields that another version doesn't know are ignored there.
"""

import json
from typing import Any

from attention_programs.tracking.lookup import PROFILE_RUN
from attention_programs.tracking.server import page
from attention_programs.tracking.store import Store

NAME = "models"
TAG = f"mlflow.sharedViewState.{NAME}"
INCREASE = "surrogate/perplexity_increase"
CURVE = "perplexity_increase/distilled"
METRICS = ("surrogate/heads_replaced", "iou/test/all/selected", INCREASE)
"""Columns of numbers; their names are the same for every model and profile."""
TAGS = ("model", "profile", "gate")
COLUMN_PIXELS = 155
SECTION = "models"
LINE = {
    "lineSmoothness": 0,
    "scaleType": "linear",
    "xAxisKey": "step",
    "xAxisScaleType": "linear",
    "selectedXAxisMetricKey": "",
    "range": {},
    "yAxisKey": "metric",
    "yAxisExpressions": [],
    "ignoreOutliers": False,
    "useGlobalLineSmoothing": False,
    "useGlobalXaxisKey": False,
}
"""How a curve is drawn: as it is. MLflow's pages smooth those of which this is not said."""


def save_view(store: Store, experiment: str) -> None:
    """Puts the view into an experiment, unless it is there."""
    view = json.dumps(_view(), sort_keys=True)
    if store.client.get_experiment(experiment).tags.get(TAG) != view:
        store.client.set_experiment_tag(experiment, TAG, view)


def runs_page(address: str, experiment: str) -> str:
    """The address of the table of models and profiles."""
    return page(address, experiment, f"/runs?viewStateShareKey={NAME}")


def charts_page(address: str, experiment: str) -> str:
    """The address of the charts of models and profiles."""
    return f"{runs_page(address, experiment)}&compareRunsMode=CHART"


def _view() -> dict[str, Any]:
    columns = [
        *(f"tags.`{name}`" for name in TAGS),
        *(f"metrics.`{name}`" for name in METRICS),
        "params.`tracking.gate_percent`",
    ]
    charts = [
        _chart("LINE", CURVE, selectedMetricKeys=[CURVE], **LINE),
        _chart("BAR", INCREASE),
        _chart("BAR", "iou/test/all/selected"),
        _chart("BAR", "surrogate/heads_replaced"),
    ]
    return {
        "searchFilter": f"tags.kind = '{PROFILE_RUN}'",
        "orderByKey": f"metrics.`{INCREASE}`",
        "orderByAsc": True,
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns, COLUMN_PIXELS),
        "compareRunCharts": charts,
        "compareRunSections": [
            {"uuid": SECTION, "name": "Models side by side", "display": True, "isReordered": True, "deleted": False}
        ],
        "isAccordionReordered": True,
    }


def _chart(kind: str, metric: str, **more: Any) -> dict[str, Any]:
    return {
        "uuid": f"{kind}-{metric}",
        "type": kind,
        "metricKey": metric,
        "metricSectionId": SECTION,
        "runsCountToCompare": 10,
        "deleted": False,
        "isGenerated": False,
        **more,
    }
