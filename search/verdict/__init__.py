"""The verdict "match, weak, no match": signals, models, calibrations, and the bank of phrases."""
