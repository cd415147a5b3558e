"""Changing categories: add, revise; make those of items that were written before there were any."""

from typing import Any, TypedDict, Unpack

from django.db.models import Count, Max, Min

from apps.items import domain, queries
from apps.items.errors import BadCategoryError, BadIconError, CategoryNameTakenError, CategoryVersionMismatchError, TooManyCategoriesError
from apps.items.models import Category, CategoryName, Item
from apps.items.queries import categories as known
from apps.items.services.default_categories import DEFAULTS, OTHER, DefaultCategory
from gdmarket import databases, text, text_columns

_PAGE = 500


class CategoryDetails(TypedDict):
    """What an operator enters of a category."""

    name_ko: str
    name_en: str
    icon: str
    position: int
    is_active: bool


def add_category(**details: Unpack[CategoryDetails]) -> Category:
    """Add a category, whose key is what its Korean name folds to.

    :raises InvalidError: the subclass of the first detail that is not acceptable
    :raises CategoryNameTakenError: if another category is known by one of the names
    :raises TooManyCategoriesError: if no more can be chosen from
    """
    _check(details)
    key = text.folded(text=details["name_ko"])
    if not key:
        raise BadCategoryError
    with databases.transaction_for("items"):
        _lock_all()
        if details["is_active"] and known.is_full():
            raise TooManyCategoriesError(most=domain.MAX_ACTIVE_CATEGORIES)
        category, is_new = Category.objects.get_or_create(key=key, defaults=details)
        if not is_new:
            raise CategoryNameTakenError(name=details["name_ko"])
        _name(category)
    known.clear_cache()
    return category


def revise_category(*, key: str, expected_version: int | None = None, **details: Unpack[CategoryDetails]) -> Category:
    """Change a category. Its former names go on meaning it, and items that have it keep the text that was agreed on.

    `expected_version` is the version that the operator saw; None means any.
    :raises Category.DoesNotExist: if there is none with this key
    :raises CategoryVersionMismatchError: if it is not at `expected_version`
    :raises InvalidError, CategoryNameTakenError, TooManyCategoriesError: as `add_category` does
    """
    _check(details)
    with databases.transaction_for("items"):
        category = _lock_all().get(key)
        if category is None:
            raise Category.DoesNotExist
        if expected_version is not None and category.version != expected_version:
            raise CategoryVersionMismatchError(version=category.version)
        if details["is_active"] and not category.is_active and known.is_full():
            raise TooManyCategoriesError(most=domain.MAX_ACTIVE_CATEGORIES)
        differing = [name for name, value in details.items() if getattr(category, name) != value]
        for name in differing:
            setattr(category, name, details[name])  # type: ignore[literal-required]  # a name of its own
        if differing:
            category.version += 1
            category.save(update_fields=[*differing, "version"])
        _name(category)
    known.clear_cache()
    return category


def create_missing_categories() -> int:
    """Make a category of every text that items have and no category is known by; return how many were made. It can be repeated.

    Texts that differ in spaces, case or width become one. An item that has another name of a category gets its key; its text stays. A
    market without items gets the default categories. Only so many can be chosen, those of most items; an operator decides on the others.
    """
    if not queries.list_items().exists():
        if Category.objects.exists():
            return 0
        return sum(_adopt(text.folded(text=each.name_ko), each) for each in (*DEFAULTS, OTHER))
    text_columns.refold(rows=Item.objects.filter(category_key=None))
    # What the version before writes from here on has no key yet: the next run adopts it.
    unknown = Item.objects.exclude(category_key=None).exclude(category_key__in=Category.objects.values("key"))
    adopted = 0
    # Those of most items first: they give their names to the others.
    found = (
        unknown.order_by().values("category_key").annotate(written=Min("category"), items=Count("id")).order_by("-items", "category_key")
    )
    key: Any
    for key, name in list(found.values_list("category_key", "written")):
        if not key:  # it is of punctuation alone
            adopted += _adopt(text.folded(text=OTHER.name_ko), OTHER)
        elif not CategoryName.objects.filter(folded=key).exists():
            adopted += _adopt(key, _default_of(key) or OTHER._replace(name_ko=name, name_en=name))
        _rekey(former=key, key=CategoryName.objects.get(folded=key or text.folded(text=OTHER.name_ko)).category_id)
    known.clear_cache()
    return adopted


def _default_of(key: str) -> DefaultCategory | None:
    """Return the default category that is known by a name, as it is to be called."""
    return next((each for each in DEFAULTS if key in {text.folded(text=each.name_ko), text.folded(text=each.name_en)}), None)


def _adopt(key: str, details: DefaultCategory) -> bool:
    """Add a category under the key that items have already, after those there are; return whether it was not there."""
    with databases.transaction_for("items"):
        _lock_all()
        last = Category.objects.aggregate(Max("position"))["position__max"] or 0
        values = {**details._asdict(), "position": last + 1, "is_active": not known.is_full()}
        category, is_new = Category.objects.get_or_create(key=key, defaults=values)
        for name in (key, details.name_ko, details.name_en):
            CategoryName.objects.get_or_create(folded=text.folded(text=name), defaults={"category": category})
    return is_new


def _lock_all() -> dict[str, Category]:
    """Return the categories, locked until the end of the transaction: so many can be chosen from, also where two are added at once."""
    return {category.key: category for category in Category.objects.select_for_update(no_key=True).order_by("key")}


def _rekey(*, former: str, key: str) -> None:
    """Give the items of one key another, page by page, each in a transaction of its own; writers go on meanwhile."""
    items = Item.objects.filter(category_key=former).order_by("id")
    page = [] if former == key else list(items.values_list("id", flat=True)[:_PAGE])
    while page:
        # Only those that nobody gave another category meanwhile.
        items.order_by().filter(id__in=page).update(category_key=key)
        page = list(items.filter(id__gt=page[-1]).values_list("id", flat=True)[:_PAGE])


def _check(details: CategoryDetails) -> None:
    for name in (details["name_ko"], details["name_en"]):
        domain.check(details={"category": name})
    if details["icon"] not in domain.ICONS:
        raise BadIconError


def _name(category: Category) -> None:
    """Let a category be known by its key and names.

    :raises CategoryNameTakenError: if another is known by one of them
    """
    for name in (category.key, category.name_ko, category.name_en):
        if not (folded := text.folded(text=name)):
            continue
        row, _is_new = CategoryName.objects.get_or_create(folded=folded, defaults={"category": category})
        if row.category_id != category.key:
            raise CategoryNameTakenError(name=name)
