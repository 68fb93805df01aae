from eva_mm.safe_io.printed import printable


def test_nothing_moves_the_cursor_or_hides_text():
    assert printable('a\x1b[2Jb\rc\x07\u202ed\x00') == 'a\\x1b[2Jb\\rc\\x07\\u202ed\\x00'
    assert printable('plain, with ä and 東京') == 'plain, with ä and 東京'


def test_bytes_of_names_and_long_names():
    assert printable(b'caf\xe9.jpg'.decode(errors='surrogateescape')) == 'caf\\xe9.jpg'
    text = printable('x' * 10_000)
    assert len(text) <= 300 and '...' in text
