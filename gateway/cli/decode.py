"""`gateway decode WORDS…`: raw registers in every type, word and byte order, plausible ones marked."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.spoken import Spoken
from gateway.commission.guess import LIKELY, Meaning, bcd, best, meanings
from gateway.commission.rawwords import parse_words
from gateway.errors import ProfileError
from gateway.profiles.kinds import Kind, Order
from gateway.texts import text

MOST_SHOWN = 4
"""So many words are shown in every meaning; of more, only what is plausible."""
LEAST_WIDTH = 120
MARK, FAINT_MARK = "●", "○"


app = typer.Typer(add_completion=False)


@app.command(cls=Spoken, context_settings={"ignore_unknown_options": True})  # -200 is a word
def decode(
    words: Annotated[list[str], typer.Argument(metavar="WORDS…", help="option.decode.words")],
    *,
    shows: Annotated[float | None, typer.Option(help="option.decode.shows")] = None,
    everything: Annotated[bool, typer.Option("--all", help="option.decode.all")] = False,
) -> None:
    """Show what raw registers may mean. Exit 1 when `--shows` is given and nothing means that, 2 for what is no word."""
    try:
        taken = parse_words(words)
    except ProfileError as exc:
        typer.echo(text("decode.no_words", why=exc.said), err=True)
        raise typer.Exit(2) from exc
    found = meanings(taken.words, shows=shows)
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, LEAST_WIDTH)  # rather broken lines than digits cut off
    shown = " ".join(f"{word:04X}" for word in taken.words)
    console.print(text(f"decode.taken.{taken.manner}", words=shown))
    if len(taken.words) <= MOST_SHOWN or everything:
        for table in _tables(taken.words, found):
            console.print()
            console.print(table)
    ranked = best(found)
    console.print()
    if not ranked:
        console.print(text("decode.nothing") if shows is None else text("decode.not_shown", shows=f"{shows:g}"))
        raise typer.Exit(0 if shows is None else 1)
    console.print(text("decode.best"))
    for line in map(_line, ranked):
        console.print(line)


def _tables(words: Sequence[int], found: Sequence[Meaning]) -> list[Table]:
    tables = [_single(words, found)]
    wide = [one for one in found if one.words > 1 and one.kind is not Kind.TEXT]
    runs = sorted({(one.words, one.first) for one in wide if any(words[one.first : one.first + one.words])})
    return tables + [_wide(words, [one for one in wide if (one.words, one.first) == run]) for run in runs]


def _single(words: Sequence[int], found: Sequence[Meaning]) -> Table:
    table = _table(text("decode.word"), "u16", "i16", text("decode.swapped"), text("decode.bits"), "BCD", "ASCII")
    for at, word in enumerate(words):
        by = {(one.kind, one.order): one for one in found if one.first == at and one.words == 1}
        table.add_row(
            f"{at}: 0x{word:04X}",
            _cell(by[Kind.U16, Order.ABCD]),
            _cell(by[Kind.I16, Order.ABCD]),
            f"{by[Kind.U16, Order.BADC].value}",
            " ".join(f"{word:016b}"[cut : cut + 4] for cut in range(0, 16, 4)),
            bcd([word]) or "–",
            "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in word.to_bytes(2, "big")),
        )
    return table


def _wide(words: Sequence[int], run: Sequence[Meaning]) -> Table:
    first, width = run[0].first, run[0].words
    head = " ".join(f"{word:04X}" for word in words[first : first + width])
    table = _table(head, *(f"{order.value}" for order in Order))
    for kind in dict.fromkeys(one.kind for one in run):
        by = {one.order: one for one in run if one.kind is kind}
        table.add_row(kind.value, *(_cell(by[order]) for order in Order))
    return table


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for at, head in enumerate(heads):
        table.add_column(head, justify="left" if at == 0 else "right", no_wrap=True)
    return table


def _cell(one: Meaning) -> Text:
    number = _number(one.value)
    if not one.weight:
        return Text(f"{number}  ", style="grey62")
    mark, style = (MARK, "bold bright_green") if one.weight >= LIKELY else (FAINT_MARK, "green")
    return Text(f"{number} {mark}", style=style)


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.7g}" if not float(value).is_integer() or abs(value) > 1e15 else f"{value:.0f}"


def _line(one: Meaning) -> str:
    """One plausible meaning, and how a profile says it."""
    said = [f"type: {one.kind.value}"]
    if one.kind is Kind.TEXT:
        said.append(f"words: {one.words}")
    if one.order is not Order.ABCD:
        said.append(f"order: {one.order.value}")
    value = _number(one.value)
    if one.scale != 1.0 and not isinstance(one.value, str):
        said.append(f"scale: {one.scale:g}")
        value = f"{one.value * one.scale:.9g}"
    if one.why == "time" and not isinstance(one.value, str):
        value = datetime.fromtimestamp(one.value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    mark = MARK if one.weight >= LIKELY else FAINT_MARK
    place = f"{one.first}" if one.words == 1 else f"{one.first}…{one.first + one.words - 1}"
    return f"  {mark} {text('decode.at', place=place)}  {value:>14}  {{{', '.join(said)}}}  {text(f'decode.why.{one.why}')}"
