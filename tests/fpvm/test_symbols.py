"""Names of addresses, and symbol tables that lie."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpvm.symbols import (
    MAX_NAME,
    MAX_NAMES,
    Definition,
    Symbol,
    SymbolError,
    Symbols,
    SymbolTable,
    printable,
)

CODE = {1: range(0x1000, 0x2000), 2: range(0x5000, 0x6000)}
FUNCTION, OBJECT, NO_TYPE, FILE = 2, 1, 0, 4
LOCAL, GLOBAL = 0, 1

#: name, address, size, type, binding, section
Row = tuple[str, int, int, int, int, int]


def table(*rows: Row) -> SymbolTable:
    entries, names = bytes(16), b"\0"
    for name, address, size, kind, binding, section in rows:
        entries += struct.pack(
            ">IIIBBH", len(names), address, size, binding << 4 | kind, 0, section
        )
        names += name.encode() + b"\0"
    return SymbolTable(entries, names)


def function(name: str, address: int, size: int = 0, section: int = 1) -> Row:
    return (name, address, size, FUNCTION, GLOBAL, section)


# --- looking up -----------------------------------------------------------------------------------


def test_an_address_is_named_by_function_and_offset() -> None:
    symbols = Symbols([Symbol(0x1000, 0x1010, "main.main"), Symbol(0x1020, 0x1024, "f")])
    assert symbols.at(0x1000) == "main.main"
    assert symbols.at(0x100C) == "main.main+0xc"
    assert symbols.at(0x1020) == "f"


@pytest.mark.parametrize("address", [0, 0xFFF, 0x1010, 0x101F, 0x1024, 0xFFFF_FFFF])
def test_an_address_between_functions_has_no_name(address: int) -> None:
    symbols = Symbols([Symbol(0x1000, 0x1010, "main.main"), Symbol(0x1020, 0x1024, "f")])
    assert symbols.at(address) is None
    assert symbols.find(address) is None


def test_a_name_has_an_address() -> None:
    symbols = Symbols([Symbol(0x2000, 0x2004, "f"), Symbol(0x1000, 0x1004, "f")])
    assert symbols.address("f") == 0x1000
    assert symbols.address("g") is None


def test_no_symbols_name_nothing() -> None:
    assert Symbols().at(0x1000) is None
    assert len(Symbols()) == 0
    assert SymbolTable().functions(CODE) == Symbols()
    assert SymbolTable().definition("boot") is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 40)).map(
            lambda row: Symbol(row[0], row[0] + row[1], f"f{row[0]}")
        )
    ),
    st.integers(0, 300),
)
def test_the_function_found_is_the_last_to_start_if_it_reaches_so_far(
    rows: list[Symbol], address: int
) -> None:
    symbols = Symbols(rows)
    starts = [row for row in rows if row.address <= address]
    expected = None
    if starts:
        last = max(row.address for row in starts)
        first_of_that_address = next(row for row in rows if row.address == last)
        if address < first_of_that_address.end:
            expected = first_of_that_address
    assert symbols.find(address) == expected
    assert [s.address for s in symbols] == sorted({row.address for row in rows})


# --- reading a table ------------------------------------------------------------------------------


def test_functions_are_read_in_order_of_address() -> None:
    found = table(function("b", 0x1100, 0x10), function("a", 0x1000, 0x20)).functions(CODE)
    assert list(found) == [Symbol(0x1000, 0x1020, "a"), Symbol(0x1100, 0x1110, "b")]


def test_a_label_without_size_reaches_to_the_next_or_to_the_sections_end() -> None:
    rows = [function("first", 0x1000), function("second", 0x1800), function("third", 0x5000, 0, 2)]
    assert list(table(*rows).functions(CODE)) == [
        Symbol(0x1000, 0x1800, "first"),
        Symbol(0x1800, 0x2000, "second"),
        Symbol(0x5000, 0x6000, "third"),
    ]


@pytest.mark.parametrize("size", [0x2000, 0xFFFF_FFFF])
def test_a_function_does_not_reach_beyond_its_section(size: int) -> None:
    assert list(table(function("f", 0x1F00, size)).functions(CODE)) == [Symbol(0x1F00, 0x2000, "f")]


@pytest.mark.parametrize(
    "row",
    [
        ("data", 0x1000, 4, OBJECT, GLOBAL, 1),
        ("file.c", 0x1000, 0, FILE, LOCAL, 1),
        ("undefined", 0x1000, 4, FUNCTION, GLOBAL, 0),
        ("absolute", 0x1000, 4, FUNCTION, GLOBAL, 0xFFF1),
        ("in data", 0x1000, 4, FUNCTION, GLOBAL, 3),
        ("elsewhere", 0x2000, 4, FUNCTION, GLOBAL, 1),
        ("kernel", 0x8000_0000, 4, FUNCTION, GLOBAL, 1),
        ("", 0x1000, 4, FUNCTION, GLOBAL, 1),
    ],
    ids=lambda row: row[0] or "nameless",
)
def test_what_is_no_function_of_this_code_is_left_out(row: Row) -> None:
    assert list(table(row).functions(CODE)) == []


@pytest.mark.parametrize(
    ("best", "other"),
    [
        (("sized", 0x1000, 8, FUNCTION, LOCAL, 1), ("runtime.text", 0x1000, 0, NO_TYPE, GLOBAL, 1)),
        (("memcpy", 0x1000, 8, FUNCTION, GLOBAL, 1), ("alias", 0x1000, 8, FUNCTION, LOCAL, 1)),
        (("label", 0x1000, 0, NO_TYPE, GLOBAL, 1), ("$local", 0x1000, 0, NO_TYPE, LOCAL, 1)),
    ],
    ids=lambda row: row[0],
)
def test_of_two_names_for_one_address_the_more_telling_is_kept(best: Row, other: Row) -> None:
    for rows in ([best, other], [other, best]):
        assert [symbol.name for symbol in table(*rows).functions(CODE)] == [best[0]]


def test_a_definition_is_found_by_its_whole_name() -> None:
    symbols = table(
        ("boot", 0, 0, NO_TYPE, GLOBAL, 0),
        ("boot2", 0x3000, 4, OBJECT, GLOBAL, 3),
        ("boot", 0x4000, 24, OBJECT, GLOBAL, 3),
        ("boo", 0x5000, 4, OBJECT, GLOBAL, 3),
    )
    assert symbols.definition("boot") == Definition(0x4000, 24)
    assert symbols.definition("bo") is None


# --- tables that lie ------------------------------------------------------------------------------


def test_a_cut_off_entry_is_refused() -> None:
    with pytest.raises(SymbolError, match="17 bytes"):
        SymbolTable(bytes(17))


@pytest.mark.parametrize("offset", [4, 5, 0xFFFF_FFFF])
def test_a_name_outside_the_strings_is_refused(offset: int) -> None:
    entry = struct.pack(">IIIBBH", offset, 0x1000, 4, FUNCTION, 0, 1)
    symbols = SymbolTable(entry, b"\0ab\0")
    for use in (lambda: symbols.functions(CODE), lambda: symbols.definition("ab")):
        with pytest.raises(SymbolError, match=hex(offset)):
            use()


def test_strings_without_an_end_give_names_of_bounded_length() -> None:
    entry = struct.pack(">IIIBBH", 0, 0x1000, 4, FUNCTION, 0, 1)
    (symbol,) = SymbolTable(entry, b"x" * (10 * MAX_NAME)).functions(CODE)
    assert symbol.name == "x" * MAX_NAME


def test_many_long_names_are_refused_before_they_fill_the_memory() -> None:
    count = MAX_NAMES // MAX_NAME + 1
    entry = struct.pack(">IIIBBH", 0, 0x1000, 4, FUNCTION, 0, 1)
    with pytest.raises(SymbolError, match="bytes of names"):
        SymbolTable(entry * count, b"x" * MAX_NAME).functions(CODE)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"main.(*T).f[go.shape.int]", "main.(*T).f[go.shape.int]"),
        ("Größe".encode(), "Größe"),
        (b"\x1b[2Jgone", "\\x1b[2Jgone"),
        (b"a\nb", "a\\nb"),
        (b"\xff", "\\xff"),
        ("\u202egnp".encode(), "\\u202egnp"),
    ],
)
def test_names_cannot_drive_a_terminal(name: bytes, shown: str) -> None:
    assert printable(name) == shown


@settings(deadline=None)
@given(st.binary(max_size=160), st.binary(max_size=40))
def test_any_table_is_read_or_refused(entries: bytes, strings: bytes) -> None:
    try:
        symbols = SymbolTable(entries, strings)
        found = symbols.functions({i: range(1 << 32) for i in range(0x10000)})
        symbols.definition("boot")
    except SymbolError:
        return
    assert all(symbol.name.isprintable() for symbol in found)
