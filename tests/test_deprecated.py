import pytest

from eva_mm.deprecated import deprecated


def test_a_deprecated_function_still_works_and_names_its_successor_at_the_call():
    @deprecated('0.2', 'eva_mm.new_name')
    def old_name(x, *, y):
        """Adds."""
        return x + y

    message = r'old_name is deprecated since eva_mm 0\.2; use eva_mm\.new_name\.'
    with pytest.warns(FutureWarning, match=message) as caught:
        assert old_name(1, y=2) == 3
    assert caught[0].filename == __file__
    assert old_name.__doc__ == 'Adds.'
