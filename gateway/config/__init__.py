"""The site file: YAML text -> `Site`, all problems at once; the profiles of a site; JSON Schemas of the files."""

from gateway.config.read import check_site, load_site, profiles_of
from gateway.config.schemas import schema_of

__all__ = ["check_site", "load_site", "profiles_of", "schema_of"]
