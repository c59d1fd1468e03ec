"""Why the operating system refused something, as a text that can be told in another language."""

from errno import errorcode

from gateway.texts import say, words


def cause(error: OSError) -> str:
    """Its reason; rare ones stay English in every language."""
    key = f"word.errno.{errorcode.get(error.errno or 0, '')}"
    return say(key) if key in words("en") else error.strerror or str(error)
