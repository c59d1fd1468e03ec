"""The cells of a CSV, TSV or XLSX file as texts; of a workbook, its first sheet."""

import csv
import io
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

from gateway.errors import ProfileError
from gateway.texts import say
from gateway.texts.causes import cause

MOST_BYTES = 8_000_000
_SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ENTITY = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def read_cells(path: Path) -> list[list[str]]:
    """Every row; ProfileError when the file cannot be read as a table."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ProfileError(say("refused.file", file=path, why=cause(exc))) from exc
    if len(data) > MOST_BYTES:
        raise ProfileError(say("refused.file_too_large", file=path, most=MOST_BYTES))
    if data.startswith(b"PK"):
        try:
            return _workbook(data)
        except (KeyError, ValueError, zipfile.BadZipFile, ET.ParseError) as exc:
            raise ProfileError(say("refused.no_workbook", file=path, why=str(exc))) from exc
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030", "replace")
    try:
        dialect: type[csv.Dialect] | str = csv.Sniffer().sniff(text[:4096], delimiters=",;\t|")
    except csv.Error:
        dialect = "excel"
    return [list(row) for row in csv.reader(io.StringIO(text), dialect)]


def _workbook(data: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        names = book.namelist()
        shared = _strings(_part(book, "xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in names else []
        sheets = sorted(name for name in names if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name))
        tree = _part(book, sheets[0] if sheets else "xl/worksheets/sheet1.xml")
    rows: list[list[str]] = []
    for row in tree.iter(f"{_SPACE}row"):
        cells: list[str] = []
        for cell in row.iter(f"{_SPACE}c"):
            column = _column(cell.get("r", ""))
            cells += [""] * (column - len(cells))
            cells.append(_value(cell, shared))
        rows.append(cells)
    return rows


def _part(book: zipfile.ZipFile, name: str) -> ET.Element:
    if book.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"{name} is too large")
    data = book.read(name)
    if _ENTITY.search(data):
        raise ValueError(f"{name} declares entities")
    return ET.fromstring(data)  # noqa: S314 - no entities: refused above


def _strings(tree: ET.Element) -> list[str]:
    return ["".join(part.text or "" for part in one.iter(f"{_SPACE}t")) for one in tree.iter(f"{_SPACE}si")]


def _value(cell: ET.Element, shared: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(f"{_SPACE}t"))
    value = cell.find(f"{_SPACE}v")
    text = "" if value is None or value.text is None else value.text
    return shared[int(text)] if cell.get("t") == "s" else text


def _column(reference: str) -> int:
    """`C7` -> 2."""
    number = 0
    for letter in reference:
        if letter.isalpha():
            number = 26 * number + ord(letter.upper()) - 64
    return max(0, number - 1)
