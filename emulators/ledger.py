"""What every emulated device was asked, answered and did, with times: a CSV file per run, written in pieces."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from emulators.unit import Answer

HEADER = ("t_s", "device", "request", "reply", "delay_s", "outcome")


class Ledger:
    """Rows `t_s,device,request,reply,delay_s,outcome`: PDUs in hex, an empty reply is silence."""

    def __init__(self, path: Path, now_s: Callable[[], float]) -> None:
        self._file: TextIO = path.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._rows.writerow(HEADER)
        self._now_s = now_s

    def request(self, device: str, pdu: bytes, answer: Answer) -> None:
        """One request and its answer."""
        reply = "" if answer.pdu is None else answer.pdu.hex()
        self._rows.writerow((f"{self._now_s():.4f}", device, pdu.hex(), reply, f"{answer.delay_s:.4f}", answer.note))

    def write(self, device: str, quantity: str, value: float, outcome: str) -> None:
        """One value written another way (OPC UA)."""
        self._rows.writerow((f"{self._now_s():.4f}", device, f"{quantity}={value:g}", "", "", outcome))

    def close(self) -> None:
        """Write out what is left."""
        self._file.close()
