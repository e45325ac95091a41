"""Measuring search: what is asked, how answers are judged, reports and curves."""
