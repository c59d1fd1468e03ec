"""The report of a run as one page that needs nothing else: figures, pictures, events, in English and Chinese."""
