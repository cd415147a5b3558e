"""The categories of a new market; an operator changes them as they please."""

from typing import NamedTuple


class DefaultCategory(NamedTuple):
    """One of them, and the icon that it has."""

    name_ko: str
    name_en: str
    icon: str


DEFAULTS = (
    DefaultCategory("공구", "Tools", "tools"),
    DefaultCategory("캠핑", "Camping", "camping"),
    DefaultCategory("유아", "Baby", "baby"),
    DefaultCategory("생활가전", "Appliances", "appliance"),
    DefaultCategory("스포츠", "Sports", "sports"),
    DefaultCategory("촬영", "Cameras", "camera"),
    DefaultCategory("파티", "Party", "party"),
    DefaultCategory("여행", "Travel", "travel"),
    DefaultCategory("의류", "Clothes", "clothes"),
    DefaultCategory("도서", "Books", "book"),
    DefaultCategory("악기", "Music", "music"),
    DefaultCategory("정원", "Garden", "garden"),
    DefaultCategory("주방", "Kitchen", "kitchen"),
    DefaultCategory("탈것", "Vehicles", "vehicle"),
)
OTHER = DefaultCategory("기타", "Other", "box")
