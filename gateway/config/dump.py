"""A site file written out again, plainly: reading it gives the same site. Pure."""

from typing import Any

import yaml

from gateway.config.read import Configured


class _Dumper(yaml.CSafeDumper):
    """Without anchors: the strict reader takes none."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's
        """Write everything out."""
        return True


def dump(configured: Configured) -> str:
    """Its text, without comments; it ends in an end mark, so that a cut is seen."""
    text: str = yaml.dump(
        configured.written, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, explicit_end=True
    )
    return text
