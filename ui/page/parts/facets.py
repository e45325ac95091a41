"""The sidebar: the filter as text, and widgets for each of its parts, with how many items each value has."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from ui.page import state
from ui.page.i18n import later, tr
from ui.page.model.filter_choices import Bound, Choice, offered
from ui.page.model.filter_counts import counted
from ui.page.model.filter_widgets import chosen, key_of, left_over, span, with_span, with_values

from . import narrow
from .style import html, plain, shown

_AT_ONCE = 7  # widgets that stand open; the others wait behind a button
_PILLS = 6  # values that are shown side by side; more go into a list
_NAMES = {
    "tags": later("Tags"),
    "origin": later("Origin"),
    "modality": later("Kind"),
    "added": later("Added"),
    "taken": later("Taken"),
}
_VALUES = {
    "image": later("picture"),
    "text": later("text"),
    "image+text": later("picture with text"),
    "imported": later("imported"),
    "generated": later("generated"),
}


def draw(view: state.View) -> None:
    """Draw the sidebar: on a phone it waits behind a button at the top."""
    with st.sidebar:
        st.html(html("h2", tr("Narrow down"), "fm-headline"))
        narrow.draw(view)
        if narrow.problem(view.where) is not None:
            st.caption(tr("The filter cannot be read, so there is nothing to choose from. Mend or clear it."))
            _clear()
            return
        choices = _choices(view)
        _others(view, choices)
        if view.where:
            _clear()
        active = [each for each in choices if _is_active(view.where, each)]
        quiet = [each for each in choices if each not in active]
        open_ = [*active, *quiet[: max(_AT_ONCE - len(active), 0)]]
        for choice in (each for each in choices if each in open_):
            _draw(view, choice)
        if rest := [each for each in choices if each not in open_]:
            with st.expander(tr("More fields")):
                for choice in rest:
                    _draw(view, choice)


def _choices(view: state.View) -> tuple[Choice, ...]:
    """List what can be chosen, counted under the filter; as long as nothing changes, only once."""
    collection = state.collection()
    key = collection.folder, collection.store.revision()
    known = st.session_state.get("offered")
    if known is None or known[0] != key:
        known = key, offered(collection)
        st.session_state["offered"] = known
    asked = (key, view.where, view.generated)
    counts = st.session_state.get("counted")
    if counts is None or counts[0] != asked:
        made = counted(collection, known[1], view.where, generated=view.generated)
        counts = asked, made
        st.session_state["counted"] = counts
    found: tuple[Choice, ...] = counts[1]
    return found


def _others(view: state.View, choices: tuple[Choice, ...]) -> None:
    if others := left_over(view.where, choices):
        st.caption(tr("No widget can show this part; change it in the text:"))
        st.code(" and ".join(others), language=None, wrap_lines=True)


def _clear() -> None:
    st.button(
        tr("Clear the filter"),
        key="clear-filter",
        icon=":material/filter_alt_off:",
        type="tertiary",
        on_click=state.change,
        kwargs={"where": ""},
    )


def _is_active(where: str, choice: Choice) -> bool:
    if choice.sort in ("tags", "values"):
        return bool(chosen(where, choice))
    return span(where, choice) != (choice.low, choice.high)


def name_of_field(field: str) -> str:
    """Call a field what people call it."""
    known = _NAMES.get(field)
    return tr(known) if known else field.replace("_", " ").capitalize()


def _draw(view: state.View, choice: Choice) -> None:
    if choice.sort in ("tags", "values"):
        _values(view, choice)
    else:
        _range(view, choice)


def _values(view: state.View, choice: Choice) -> None:
    """Draw values to pick from: side by side if they are few, else a list."""
    if not choice.counts:
        return
    counts = {key_of(value): (value, count) for value, count in choice.counts}
    key = f"pick-{choice.field}"
    st.session_state[key] = [key_of(value) for value in chosen(view.where, choice)]

    def label(option: str) -> str:
        value, count = counts[option]
        return f"{_value(choice, value)} ({count:,})"

    if len(counts) <= _PILLS:
        st.pills(
            plain(name_of_field(choice.field)),
            list(counts),
            selection_mode="multi",
            format_func=lambda option: plain(label(option)),
            key=key,
            on_change=_picked,
            args=(choice, key),
        )
    else:
        st.multiselect(
            plain(name_of_field(choice.field)),
            list(counts),
            format_func=label,
            key=key,
            placeholder=tr("Any"),
            on_change=_picked,
            args=(choice, key),
        )


def _value(choice: Choice, value: object) -> str:
    known = _VALUES.get(str(value)) if choice.field in ("origin", "modality") else None
    if known:
        return tr(known)
    return key_of(value) if isinstance(value, float) and value.is_integer() else shown(value)


def _picked(choice: Choice, key: str) -> None:
    written = {key_of(value): value for value, _ in choice.counts}
    values = [written[option] for option in st.session_state[key]]
    narrow.apply(with_values(state.view().where, choice, values))


def _range(view: state.View, choice: Choice) -> None:
    key = f"span-{choice.field}"
    st.session_state[key] = span(view.where, choice)
    step, form = _steps(choice)
    st.slider(  # type: ignore[type-var]  # numbers or days, both ends alike
        plain(name_of_field(choice.field)),
        choice.low,
        choice.high,
        step=step,
        format=form,
        key=key,
        on_change=_ranged,
        args=(choice, key),
    )


def _steps(choice: Choice) -> tuple[float | timedelta, str]:
    """Give how far a key moves the slider, and how its ends are written."""
    if isinstance(choice.low, date) or isinstance(choice.high, date):
        return timedelta(days=1), "YYYY-MM-DD"
    wide = choice.high - choice.low
    if wide >= 10:
        return 1.0, "%.0f"
    return max(round(wide / 100, 4), 0.0001), "%.4g"


def _ranged(choice: Choice, key: str) -> None:
    low, high = sorted(st.session_state[key])
    ends: tuple[Bound, Bound] = (low, high)
    narrow.apply(with_span(state.view().where, choice, *ends))
