"""Script that Streamlit runs for each reader; start it with python -m search.dashboard."""

from search.dashboard.page import show_page

if __name__ == "__main__":
    show_page()
