"""What the page for finding computes, without Streamlit: filters as widgets, exports, comparisons."""
