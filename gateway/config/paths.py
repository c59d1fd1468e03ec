"""Files a site file names: below its own folder (or the service's credentials directory), secrets with mode 0600."""

import stat
from pathlib import Path


def path_problem(name: str, folder: Path, credentials: Path | None, *, secret: bool) -> tuple[str, str, str] | None:
    """(code, message, remedy) when this path must not be used, else None."""
    if "\0" in name:
        return "bad_path", "holds a NUL character", "write a plain path"
    path = folder / name
    allowed = [folder.resolve(), *([credentials.resolve()] if credentials else [])]
    try:
        real = path.resolve()
        if not any(real.is_relative_to(place) for place in allowed):
            return "outside_folder", f"{name!r} leads out of the site file's folder", "put the file below it"
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return "unreadable", f"{name!r} cannot be read: {reason}", "create it, or correct the path"
    if not stat.S_ISREG(mode):
        return "not_a_file", f"{name!r} is not a file", "name a file"
    if secret and stat.S_IMODE(mode) & 0o177:
        shown = f"{stat.S_IMODE(mode):04o}"
        return "secret_mode", f"{name!r} has mode {shown}, others may read it", f"chmod 600 {name}"
    return None
