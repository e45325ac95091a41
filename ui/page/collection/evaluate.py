"""How good search is on what the collection holds: figures and curves; fitting the verdicts to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from indexer import FindmakeError
from ui.jobs import upkeep
from ui.page import state
from ui.page.i18n import retold, tr

from ..parts import job_panel
from ..parts.style import html, plain

_GREEN, _GREY = "#0f8a80", "#8a8f8d"


def draw() -> None:
    """Draw calibrating and measuring."""
    _calibrating()
    _measuring()


def _calibrating() -> None:
    job = state.upkeep()[0].jobs.latest(upkeep.CALIBRATE)
    if job is not None and job.is_active:
        job_panel.draw(job, title=tr("Calibrating"))
        return
    st.html(html("h2", tr("Match or no match"), "fm-headline"))
    st.write(
        tr("Calibrating fits the verdicts to this collection's own titles and captions, 60 items at least.")
    )
    if job is not None:
        job_panel.how_it_ended(job, cancelled=tr("Calibrating was stopped; the verdicts are as before."))
        if job.state == "done":
            st.success(
                tr(
                    "Calibrated on {source}: a match from coverage {match:.2f}; no match below {weak:.2f}.",
                    source=job.result["source"],
                    match=job.result["match"],
                    weak=job.result["weak"],
                ),
                icon=":material/check_circle:",
            )
            if job.result["approximate"]:
                st.caption(tr("It rests on guesses, for there are too few texts."))
    st.button(tr("Calibrate"), key="calibrate", icon=":material/tune:", on_click=_start, args=("calibrate",))


def _measuring() -> None:
    job = state.upkeep()[0].jobs.latest(upkeep.MEASURE)
    if job is not None and job.is_active:
        job_panel.draw(job, title=tr("Measuring"))
        return
    st.html(html("h2", tr("How good is search here?"), "fm-headline"))
    if job is None:
        st.write(tr("Asks for what the collection holds by its own texts, and for what was taken out of it."))
    else:
        job_panel.how_it_ended(job, cancelled=tr("Measuring was stopped."))
        if job.result.get("at_change") not in (None, state.collection().store.change()):
            st.caption(tr("The collection has changed since this was measured."))
        _recall(job.result.get("recall"))
        _verdicts(job.result.get("verdicts"))
        _figures(job.result.get("figures"))
    st.button(tr("Measure"), key="measure", icon=":material/monitoring:", on_click=_start, args=("measure",))


def _why_not(told: Any) -> bool:
    """Say why a part could not be measured; tell whether there is nothing to draw."""
    if isinstance(told, Mapping) and "why not" in told:
        st.info(plain(retold(told["why not"])), icon=":material/info:")
        return True
    return not told


def _recall(curves: Any) -> None:
    if _why_not(curves):
        return
    for curve in curves:
        values = [{"k": k, "recall": share} for k, share in curve["points"]]
        line = {"point": True, "type": "line", "color": _GREEN}
        spec = {
            "data": {"values": values},
            "mark": line,
            "height": 260,
            "encoding": {
                "x": {"field": "k", "type": "quantitative", "title": tr("among the first k")},
                "y": _share("recall", tr("own picture found")),
            },
        }
        st.html(html("h3", tr("Recall"), "fm-headline"))
        st.vega_lite_chart(spec, width="stretch", key=f"recall {curve['words']}")
        st.caption(
            tr(
                "{texts:,} texts ({words}) each asked for their own picture among {pictures:,}.",
                texts=curve["texts"],
                words=curve["words"],
                pictures=curve["pictures"],
            )
        )


def _verdicts(told: Any) -> None:
    if _why_not(told):
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.html(html("h3", tr("Are probabilities true?"), "fm-headline"))
        st.vega_lite_chart(_reliability(told), width="stretch", key="reliability")
        text = tr(
            "On the line, coverage says how often there is an answer. Mean gap: {gap:.3f}.", gap=told["error"]
        )
        st.caption(text)
    with right:
        st.html(html("h3", tr("Is no match told from match?"), "fm-headline"))
        st.vega_lite_chart(_roc(told), width="stretch", key="roc")
        st.caption(
            tr(
                "Area {area:.3f}; by the bare score {bare:.3f}. Where 95 % of what is here is found, "
                "{wrong:.1%} of what is not here is taken for a match.",
                area=told["area"],
                bare=told["score_area"],
                wrong=told["accepts"],
            )
        )
    st.caption(
        tr("{count:,} askings, with the answer there and taken out. Judged: ", count=told["queries"])
        + tr(told["judged"])
        + "."
    )
    if told["guessed"]:
        st.caption(tr("Too few items have texts, so what answers what was guessed."))


def _share(field: str, title: str) -> dict[str, Any]:
    scale = {"domain": [0, 1]}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": {"format": "%"}, "title": title}


def _reliability(told: Mapping[str, Any]) -> dict[str, Any]:
    bins = [{name: row[name] for name in ("predicted", "observed", "count")} for row in told["reliability"]]
    x, y = _share("predicted", tr("coverage")), _share("observed", tr("there was an answer"))
    points = {"mark": {"type": "line", "point": {"size": 70}, "color": _GREEN}, "encoding": {"x": x, "y": y}}
    return {"height": 280, "layer": [_diagonal("predicted", "observed"), points | {"data": {"values": bins}}]}


def _roc(told: Mapping[str, Any]) -> dict[str, Any]:
    names = {"roc": tr("coverage"), "score_roc": tr("bare score")}
    values = [
        {"wrong": wrong, "right": right, "by": name, "step": step}
        for key, name in names.items()
        for step, (wrong, right) in enumerate(told[key])
    ]
    colours = {"domain": list(names.values()), "range": [_GREEN, "#c2602a"]}
    line = {
        "data": {"values": values},
        "mark": "line",
        "encoding": {
            "x": _share("wrong", tr("not here, but accepted")),
            "y": _share("right", tr("here, and accepted")),
            "color": {"field": "by", "type": "nominal", "scale": colours, "legend": {"title": None}},
            "order": {"field": "step", "type": "quantitative"},
        },
    }
    return {"height": 280, "layer": [_diagonal("wrong", "right"), line]}


def _diagonal(x: str, y: str) -> dict[str, Any]:
    mark = {"type": "line", "color": _GREY, "strokeDash": [4, 4]}
    encoding = {"x": {"field": x, "type": "quantitative"}, "y": {"field": y, "type": "quantitative"}}
    return {"data": {"values": [{x: 0, y: 0}, {x: 1, y: 1}]}, "mark": mark, "encoding": encoding}


def _figures(told: Any) -> None:
    if _why_not(told):
        return
    with st.expander(tr("All figures")):
        rows = [
            {
                tr("About"): group,
                tr("Figure"): name.replace("_", " "),
                tr("Value"): round(figure["value"], 4),
                tr("95 % from"): figure["low"],
                tr("to"): figure["high"],
                tr("Unit"): figure["unit"],
                tr("Samples"): figure["samples"],
            }
            for group, figures in told["figures"].items()
            for name, figure in figures.items()
        ]
        st.dataframe(rows, hide_index=True, width="stretch", key="all-figures")
        for note in told["notes"]:
            st.caption(plain(retold(note)))


def _start(what: str) -> None:
    keeper = state.upkeep()[1]
    try:
        keeper.calibrate() if what == "calibrate" else keeper.measure()
    except FindmakeError as error:
        state.say(str(error))
