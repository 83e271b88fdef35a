import pytest

from temperature import fahrenheit


@pytest.mark.parametrize("celsius, expected", [(0, 32), (100, 212), (-40, -40)])
def test_known_points(celsius, expected):
    assert fahrenheit(celsius) == expected


def test_nothing_is_colder_than_absolute_zero():
    with pytest.raises(ValueError):
        fahrenheit(-300)
