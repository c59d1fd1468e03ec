"""Files a site file names: below its own folder (or the service's credentials directory), secrets with mode 0600."""

import stat
from pathlib import Path

from gateway.texts import say
from gateway.texts.causes import cause


def path_problem(name: str, folder: Path, credentials: Path | None, *, secret: bool) -> tuple[str, str, str] | None:
    """(code, message, remedy) when this path must not be used, else None."""
    if "\0" in name:
        return "bad_path", say("problem.nul"), say("remedy.plain_path")
    path = folder / name
    allowed = [folder.resolve(), *([credentials.resolve()] if credentials else [])]
    try:
        real = path.resolve()
        if not any(real.is_relative_to(place) for place in allowed):
            return "outside_folder", say("problem.outside_folder", name=name), say("remedy.below_folder")
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        reason = cause(error) if isinstance(error, OSError) else str(error)
        return "unreadable", say("problem.file_unreadable", name=name, reason=reason), say("remedy.create_file")
    if not stat.S_ISREG(mode):
        return "not_a_file", say("problem.not_a_file", name=name), say("remedy.name_file")
    if secret and stat.S_IMODE(mode) & 0o177:
        shown = f"{stat.S_IMODE(mode):04o}"
        return "secret_mode", say("problem.secret_mode", name=name, mode=shown), say("remedy.chmod", name=name)
    return None
