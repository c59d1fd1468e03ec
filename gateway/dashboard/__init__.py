"""Ring 2: towards the person on site: API, access, metrics, the pages."""
