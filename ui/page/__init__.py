"""The pages of the Streamlit application, one module each."""
