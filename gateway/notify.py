"""Readiness and watchdog datagrams to systemd (sd_notify(3), $NOTIFY_SOCKET)."""

import socket


class Notifier:
    """Tells the supervisor how we are; without a socket path there is none and nothing is sent."""

    def __init__(self, path: str | None) -> None:
        """`path` is $NOTIFY_SOCKET: a file, or `@name` in the abstract namespace."""
        self._address = "\0" + path[1:] if path and path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if path else None
        if self._socket is not None:
            self._socket.setblocking(False)  # a supervisor that does not read must not stop the loop

    def send(self, state: str) -> bool:
        """Send one assignment list; False when it did not reach anybody."""
        if self._socket is None or self._address is None:
            return False
        try:
            self._socket.sendto(state.encode(), self._address)
        except OSError:  # full or gone: systemd's own watchdog notices, and there is nobody else to tell
            return False
        return True

    def ready(self) -> bool:
        """Inputs are fresh and control decides."""
        return self.send("READY=1")

    def alive(self) -> bool:
        """Proof of life; only the control loop may call it, after a step in time."""
        return self.send("WATCHDOG=1")

    def stopping(self) -> bool:
        """Shutdown has begun."""
        return self.send("STOPPING=1")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
