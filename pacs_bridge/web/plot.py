"""The ROC curve of one reader, drawn on the server."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_BLUE, _DARK, _GREY, _RED = "#005eb8", "#212b32", "#768692", "#d5281b"
_NEAR = 0.07
_STYLE = {
    "svg.fonttype": "none",  # letters stay letters: they scale, and can be found
    "svg.hashsalt": "performs",  # the same figures give the same bytes
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
    "font.size": 12,
    "text.color": _DARK,
    "axes.labelcolor": _DARK,
    "axes.edgecolor": _GREY,
    "xtick.color": _DARK,
    "ytick.color": _DARK,
}
_ONE_AT_A_TIME = threading.Lock()  # matplotlib's settings are the whole process's


def draw_roc(roc: Sequence[dict[str, Any]], point: tuple[float, float] | None) -> bytes:
    """Draw the empirical ROC curve as SVG.

    Parameters
    ----------
    roc : sequence of dict
        Corners from (0, 0) to (1, 1): ``threshold``, ``fpf``, ``tpf``.
    point : (float, float) or None
        The reader's own decisions: share of false recalls, share of true ones.
    """
    with _ONE_AT_A_TIME, mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.4, 4.3), layout="constrained")
        axes = figure.add_subplot(aspect="equal")
        axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle=(0, (4, 4)), zorder=1)
        axes.plot(
            [corner["fpf"] for corner in roc],
            [corner["tpf"] for corner in roc],
            color=_BLUE,
            linewidth=2.5,
            marker="o",
            markersize=6,
            label="Your ratings",
            zorder=3,
            clip_on=False,
        )
        _name_corners(axes, roc)
        if point is not None:
            axes.plot(
                *point,
                color=_RED,
                marker="D",
                markersize=10,
                linestyle="none",
                markeredgecolor="white",
                label="Your decisions",
                zorder=4,
                clip_on=False,
            )
        axes.set(
            xlim=(0, 1),
            ylim=(0, 1),
            xlabel="Normal or benign breasts recalled",
            ylabel="Malignant breasts recalled",
        )
        ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
        axes.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
        axes.set_yticks(ticks, [f"{tick:.0%}" for tick in ticks])
        axes.grid(color="#d8dde0", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", frameon=True, facecolor="white", edgecolor="none")
        return _as_svg(figure)


def _name_corners(axes: Any, roc: Sequence[dict[str, Any]]) -> None:
    """Write beside each corner from which rating on breasts count as recalled."""
    for group in _together(roc):
        names = ", ".join(f"{corner['threshold']:g}" for corner in group)
        place = (group[-1]["fpf"], group[-1]["tpf"])
        axes.annotate(names, place, xytext=(10, -15), textcoords="offset points", fontsize=11)


def _together(roc: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Put corners that lie too close for a label each into one group."""
    groups: list[list[dict[str, Any]]] = []
    for corner in roc:
        if corner["threshold"] is None or (corner["fpf"], corner["tpf"]) == (1, 1):
            continue
        last = groups[-1][-1] if groups else None
        if last and math.dist((last["fpf"], last["tpf"]), (corner["fpf"], corner["tpf"])) < _NEAR:
            groups[-1].append(corner)
        else:
            groups.append([corner])
    return groups


def _as_svg(figure: Figure) -> bytes:
    out = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Title": "ROC curve"})
    return out.getvalue()
