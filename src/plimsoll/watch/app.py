"""The live view: textual's application around the lines and tables that `--once` prints too.

Whatever a service says is shown as text: no markup in it is read, and nothing of it reaches the terminal unescaped."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult, ScreenStackError
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Static

from plimsoll.snapshot.causes.wording import counted
from plimsoll.snapshot.shown import shown
from plimsoll.snapshot.source import ALL
from plimsoll.watch import summary
from plimsoll.watch.feed import Feed
from plimsoll.watch.once import server
from plimsoll.watch.summary import Tone, Words
from plimsoll.watch.tables import HOLDERS, PROBLEMS, TABLES, WORKERS, Row, Table

STYLES: dict[Tone, str] = {
    "plain": "",
    "dim": "dim",
    "good": "green",
    "info": "cyan",
    "warning": "bold yellow",
    "critical": "bold red",
}

AGE_EVERY_S = 1.0
"""How often the age of what is shown is shown anew, also where no answer comes."""

TALL = 30
"""Lines of a terminal. In one with fewer the table has the room of what was waited for and asked."""

GONE_TOLD_S = 15.0
"""How long it is said that the worker that was chosen has gone."""

ENDING = (NoMatches, ScreenStackError)
"""What is raised where an answer comes while the application ends: its parts are gone by then."""


def text_of(lines: Iterable[Words], *, wrap: bool = False) -> Text:
    """Lines as the terminal shows them; such as are too long are broken up, or cut."""
    parts = [Text(each.text, style=STYLES[each.tone]) for each in lines]
    return Text("\n", no_wrap=not wrap, overflow="fold" if wrap else "ellipsis").join(parts)


class Details(ModalScreen[None]):
    """All of one row."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,d,enter,q", "dismiss", "Close")]
    CSS = """
    Details { align: center middle; }
    Details > VerticalScroll { width: 90%; height: auto; max-height: 80%; border: round $primary; padding: 0 1; }
    """

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The lines, which may be more than fit."""
        with VerticalScroll():
            yield Static(text_of(map(Words, self._lines), wrap=True), markup=False)
            yield Static(Text("Escape closes this.", style="dim"), markup=False)


class WatchApp(App[Exception]):
    """Shows what `feed` knows."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; }
    #problems { height: auto; max-height: 8; }
    #who, #tables { height: 1; }
    #figures { height: auto; }
    #who, #tables, #figures { text-wrap: nowrap; text-overflow: ellipsis; }
    #table { height: 1fr; min-height: 4; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        # All of them fit into 80 columns.
        Binding("h", "show('h')", "Holders"),
        Binding("p", "show('p')", "Procs"),
        Binding("o", "show('o')", "Routes"),
        Binding("t", "show('t')", "SQL"),
        Binding("e", "show('e')", "Events"),
        Binding("w", "show('w')", "Workers"),
        Binding("a", "all_workers", "All"),
        Binding("s", "sort", "Sort"),
        Binding("r", "reverse", "Flip"),
        Binding("d", "details", "More"),
        Binding("q", "quit", "Quit"),
        Binding(PROBLEMS.key, f"show('{PROBLEMS.key}')", PROBLEMS.name, show=False),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed
        self._shown: Table = HOLDERS
        self._sorted: dict[str, tuple[int | None, bool]] = {table.key: (table.sorted_by, False) for table in TABLES}
        self._rows: list[Row] = []
        self._chosen = asyncio.Event()

    def compose(self) -> ComposeResult:
        """What is wrong first."""
        yield Static(id="problems", markup=False)
        yield Static(id="who", markup=False)
        yield Static(id="figures", markup=False)
        yield Static(id="tables", markup=False)
        yield DataTable(id="table", cursor_type="row", zebra_stripes=True)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to ask."""
        self._new_columns()
        self._show_all()
        self.query_one(DataTable).focus()
        self.set_interval(AGE_EVERY_S, self._show_state)
        self.run_worker(self._watch(), exclusive=True)

    def on_unmount(self) -> None:
        """End the connection."""
        self._feed.close()

    async def _watch(self) -> None:
        try:
            while True:
                await self._feed.look()
                if self._feed.is_gone:
                    self.notify(f"{shown(self._feed.sight.words)} All are shown.", markup=False, timeout=GONE_TOLD_S)
                    self._choose(ALL)
                    continue
                self._show_all()
                self._chosen.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._feed.wait_s):
                        await self._chosen.wait()
        except Exception as error:  # noqa: BLE001 - textual would print local variables, and the token is one
            self.exit(error, return_code=1)

    def _show_state(self) -> None:
        """What changes without an answer."""
        sight = self._feed.sight
        with suppress(*ENDING):
            self._main("#problems").update(text_of(summary.problems(sight, self.size.width), wrap=True))
            self._main("#who").update(text_of([summary.who(sight, self._feed.place.url)]))

    def _show_all(self) -> None:
        with suppress(*ENDING), self.batch_update():
            self._show_state()
            self._main("#figures").update(text_of(self._figures()))
            self._show_table()

    def _main(self, name: str) -> Static:
        """A part of the main screen, also while details are above it."""
        return self.screen_stack[0].query_one(name, Static)

    def _figures(self) -> Iterable[Words]:
        now, past = self._feed.sight.snapshot, self._feed.past
        if now is None:
            return
        width = self.size.width
        yield summary.load_line(now.load_line)
        yield summary.pool(now.pool)
        yield summary.memory(now)
        yield Words(server(now), "warning" if now.server is not None and now.server.error else "plain")
        yield summary.trend("Taken", past["pool_taken"], width, "", now.pool.limit)
        if self.size.height >= TALL:
            yield summary.trend("Waiting", past["pool_waiting"], width, "")
            yield summary.trend("Req/s", past["requests_per_s"], width, "")

    def _show_table(self) -> None:
        table: DataTable[Text] = self.screen_stack[0].query_one(DataTable)
        now = self._feed.sight.snapshot
        by, backwards = self._sorted[self._shown.key]
        key = self._rows[table.cursor_row].key if 0 <= table.cursor_row < len(self._rows) else None
        x, y = table.scroll_offset
        self._rows = self._shown.rows(now, by, backwards=backwards, width=self.size.width) if now is not None else []
        table.clear()
        for row in self._rows:
            table.add_row(*(Text(cell, no_wrap=True) for cell in row.cells))
        place = next((place for place, row in enumerate(self._rows) if row.key == key), 0)
        table.move_cursor(row=place, animate=False, scroll=False)
        table.scroll_to(x, y, animate=False)
        self._main("#tables").update(self._title(now is not None))

    def _title(self, known: bool) -> Text:
        by, backwards = self._sorted[self._shown.key]
        words = [f"{self._shown.name} ({len(self._rows)})"]
        if by is not None:
            words.append(f"by {self._shown.columns[by].title}{', reversed' if backwards else ''}")
        if not self._rows and known:
            words.append(self._shown.nothing)
        now = self._feed.sight.snapshot
        if now is not None and now.problems and self._shown is not PROBLEMS:
            # Not beside them, where it would be cut off on a small screen.
            words.append(f"{PROBLEMS.key} has {counted(len(now.problems), 'problem')} in full")
        return Text("  ".join(words), style="bold reverse", no_wrap=True, overflow="ellipsis")

    def _new_columns(self) -> None:
        table: DataTable[Text] = self.query_one(DataTable)
        table.clear(columns=True)
        by, backwards = self._sorted[self._shown.key]
        for place, column in enumerate(self._shown.columns):
            mark = "" if place != by else " v" if column.falling != backwards else " ^"
            table.add_column(Text(f"{column.title}{mark}"))

    def action_show(self, key: str) -> None:
        """Another table."""
        self._shown = next(table for table in TABLES if table.key == key)
        self._rows = []
        self._new_columns()
        self._show_table()

    def action_sort(self) -> None:
        """By the next column."""
        by, _ = self._sorted[self._shown.key]
        self._sort_by(0 if by is None else (by + 1) % len(self._shown.columns))

    def action_reverse(self) -> None:
        """The other way round."""
        by, backwards = self._sorted[self._shown.key]
        self._sorted[self._shown.key] = (by, not backwards)
        self._new_columns()
        self._show_table()

    def _sort_by(self, column: int) -> None:
        self._sorted[self._shown.key] = (column, False)
        self._new_columns()
        self._show_table()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click on a column sorts by it, and a second one the other way round."""
        if self._sorted[self._shown.key][0] == event.column_index:
            self.action_reverse()
        else:
            self._sort_by(event.column_index)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter: of the workers it chooses one."""
        if self._shown is not WORKERS:
            self.action_details()
        elif event.cursor_row < len(self._rows):
            self._choose(self._rows[event.cursor_row].key)

    def action_details(self) -> None:
        """All of the row under the cursor."""
        with suppress(IndexError):
            self.push_screen(Details(self._rows[self.query_one(DataTable).cursor_row].details))

    def action_all_workers(self) -> None:
        """All of them as one again."""
        self._choose(ALL)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are named where they do something: one for all workers where one was chosen, else the one to choose."""
        if action == "all_workers":
            return self._feed.worker != ALL
        return not (action == "show" and parameters == (WORKERS.key,) and self._feed.worker != ALL)

    def _choose(self, worker: str) -> None:
        """Show this one, beginning with who holds its connections."""
        self._feed.choose(worker)
        self._chosen.set()
        self.refresh_bindings()
        if self._shown is WORKERS:
            self.action_show(HOLDERS.key)
        self._show_all()
