"""Conversion of temperatures."""


def fahrenheit(celsius: float) -> float:
    """The same temperature in degrees Fahrenheit."""
    if celsius < -273.15:
        raise ValueError("below absolute zero")
    return celsius * 9 / 5 + 32
