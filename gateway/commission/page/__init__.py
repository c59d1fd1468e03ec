"""The report of a commissioning as one page."""
