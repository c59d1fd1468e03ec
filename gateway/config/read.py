"""Site file -> Site: read, fit, check, build; every problem at once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config.build import site_of
from gateway.config.checks import Checking
from gateway.config.form import SiteForm
from gateway.errors import ConfigError, Problem
from gateway.model.site import Site
from gateway.profiles.load import load_profile
from gateway.profiles.schema import Profile
from gateway.yamltext import read_file, read_text
from gateway.yamltext.form import fit, fit_known

OWN_PROFILES = "device_profiles"


@dataclass(frozen=True, slots=True)
class Configured:
    """A site file as read: its bytes, what it says, and what was made of it."""

    raw: bytes
    written: Mapping[str, Any]
    """Key by key, as it is written."""
    words: Mapping[str, Any]
    """The same with every default."""
    site: Site
    profiles: Mapping[str, Profile]


def load_whole(path: Path, raw: bytes) -> Configured:
    """What these bytes of a site file say; `path` is where they belong. ConfigError with every problem."""
    form, problems, profiles = _form_of(path, raw)
    if form is None or problems:
        raise ConfigError(problems)
    site = site_of(form, path.parent)
    written, words = (form.model_dump(mode="json", by_alias=True, exclude_unset=unset) for unset in (True, False))
    return Configured(raw, written, words, site, profiles)


def load_site(path: Path) -> Site:
    """The site of this file; ConfigError with every problem of it and of the profiles it names."""
    site, problems = check_site(path)
    if site is None or problems:
        raise ConfigError(problems)
    return site


def check_site(path: Path) -> tuple[Site | None, list[Problem]]:
    """The site, or None and every problem."""
    form, problems, _ = _form_of(path)
    return (None, problems) if form is None or problems else (site_of(form, path.parent), [])


def _form_of(path: Path, raw: bytes | None = None) -> tuple[SiteForm | None, list[Problem], Mapping[str, Profile]]:
    """The form of a file, or of these bytes in its place, everything that is wrong with it, and the profiles it names."""
    try:
        document = read_file(path) if raw is None else read_text(raw, str(path))
    except ConfigError as error:
        return None, error.problems, {}
    form, problems = fit(document, SiteForm)
    if form is None and (form := fit_known(document, SiteForm)) is None:
        return None, problems, {}
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    checking = Checking(
        form, document, path.parent, Path(credentials) if credentials else None, folders_of(path.parent)
    )
    found = checking.run()
    if problems:  # both in the order of the file
        found = sorted([*problems, *found], key=lambda one: (one.file, one.line, one.column))
    return form, found, dict(sorted(checking.loaded.items()))


def profiles_of(site: Site) -> dict[str, Profile]:
    """The profiles of a site by their name (`Device.profile`), from its own folder or those shipped.

    What depends on one device's parameters is filled in by `gateway.profiles.frames.for_device`.
    """
    folders = folders_of(site.folder) if site.folder else ()
    return {name: load_profile(name, folders) for name in sorted({d.profile for d in site.devices.values()})}


def folders_of(folder: Path) -> tuple[Path, ...]:
    """Where a site keeps profiles of its own."""
    own = folder / OWN_PROFILES
    return (own,) if own.is_dir() else ()
