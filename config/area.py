"""The setting that says where the market is."""

from collections.abc import Sequence

from environs import ValidationError


def check_area(edges: Sequence[str]) -> None:
    """Validate four edges.

    :raises ValidationError: if they are not south, west, north and east in degrees
    """
    try:
        area(edges)
    except ValueError as wrong:
        raise ValidationError("Must be south,west,north,east in degrees, as in 37.4,126.7,37.8,127.2.") from wrong


def area(edges: Sequence[str]) -> tuple[float, float, float, float]:
    """Return south, west, north and east.

    :raises ValueError: if these are not degrees, or in another order
    """
    south, west, north, east = (float(edge) for edge in edges)
    if not (-90 <= south < north <= 90 and -180 <= west < east <= 180):  # noqa: PLR2004  # degrees on Earth
        raise ValueError(edges)
    return south, west, north, east
