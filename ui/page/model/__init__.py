"""What the page computes, without Streamlit: filters as widgets, listings, explanations, map colours."""
