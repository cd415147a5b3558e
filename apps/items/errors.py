"""The reasons for which items refuses."""

from gdmarket.errors import ConflictError, InvalidError, NotFoundError, StaleError, UnavailableError


class ItemNotFoundError(NotFoundError):
    """There is no such item."""

    code = "item_not_found"


class ItemBusyError(ConflictError):
    """Someone has requested or holds this item; it can be withdrawn when no rental of it is open."""

    code = "item_busy"


class ItemIdTakenError(ConflictError):
    """Another manager's item has this id."""

    code = "item_id_taken"


class VersionMismatchError(StaleError):
    """The item was changed by someone else meanwhile: it is at version {version} now."""


class BadNameError(InvalidError):
    """A name has 1 to 100 characters, none of them a control character, and shows something."""

    code = "bad_name"
    field = "name"


class BadDescriptionError(InvalidError):
    """A description has at most 2,000 characters, none of them a control character but line breaks."""

    code = "bad_description"
    field = "description"


class BadCategoryError(InvalidError):
    """A category has 1 to 40 characters, none of them a control character, and shows something."""

    code = "bad_category"
    field = "category"


class UnknownCategoryError(InvalidError):
    """There is no such category to choose: `GET /api/v1/categories` lists those there are, and each is known by its key and names."""

    code = "unknown_category"
    field = "category"


class CategoryNameTakenError(ConflictError):
    """Another category is known by the name {name}."""

    code = "category_name_taken"


class TooManyCategoriesError(ConflictError):
    """There are {most} categories to choose from, and no more are possible: deactivate one first."""

    code = "too_many_categories"


class CategoryVersionMismatchError(StaleError):
    """The category was changed by someone else meanwhile: it is at version {version} now."""


class BadIconError(InvalidError):
    """There is no such icon."""

    code = "bad_icon"
    field = "icon"


class PlaceNotFoundError(NotFoundError):
    """There is no such pickup place."""

    code = "place_not_found"


class PlaceInUseError(ConflictError):
    """Items are handed over at this pickup place: choose another for them first."""

    code = "place_in_use"


class TooManyPlacesError(ConflictError):
    """A manager has up to {most} pickup places: delete one first."""

    code = "too_many_places"


class PlaceVersionMismatchError(StaleError):
    """The pickup place was changed by someone else meanwhile: it is at version {version} now."""


class OutsideAreaError(InvalidError):
    """The place is outside the market's area: latitude {south} to {north}, longitude {west} to {east}."""

    code = "outside_area"
    field = "latitude"


class BadAddressError(InvalidError):
    """An address has at most 200 characters, none of them a control character."""

    code = "bad_address"
    field = "address"


class BadPlaceError(InvalidError):
    """A place has 1 to 100 characters, none of them a control character, and shows something."""

    code = "bad_place"
    field = "place"


class BadDailyPriceError(InvalidError):
    """A daily price is a whole number from 1 to 10,000,000."""

    code = "bad_daily_price"
    field = "daily_price"


class BadDepositError(InvalidError):
    """A deposit is a whole number from 0 to 100,000,000."""

    code = "bad_deposit"
    field = "deposit"


class BadCurrencyError(InvalidError):
    """Prices are in KRW."""

    code = "bad_currency"
    field = "currency"


class BadLatitudeError(InvalidError):
    """A latitude is a number of degrees from -90 to 90."""

    code = "bad_latitude"
    field = "latitude"


class BadLongitudeError(InvalidError):
    """A longitude is a number of degrees from -180 to 180."""

    code = "bad_longitude"
    field = "longitude"


class PhotoNotFoundError(NotFoundError):
    """The item has no such photo."""

    code = "photo_not_found"


class TooManyPhotosError(ConflictError):
    """An item has at most {most} photos: remove one first."""

    code = "too_many_photos"


class PhotoTooLargeError(InvalidError):
    """A photo has at most 25 MiB and 50 megapixels; a WebP has at most 20, and a JPEG that is not progressive at most 210."""

    code = "photo_too_large"
    field = "file"


class NotAPictureError(InvalidError):
    """The file is no JPEG, PNG, WebP, HEIC or AVIF, or a damaged one."""

    code = "not_a_picture"
    field = "file"


class PhotosBusyError(UnavailableError):
    """Many photos are being added just now: please try again in a moment."""

    code = "photos_busy"


class BadAltError(InvalidError):
    """What a photo shows is told in at most 200 characters, none of them a control character."""

    code = "bad_alt"
    field = "alt"


class BadPositionError(InvalidError):
    """A photo's position is a whole number from 1 to 8."""

    code = "bad_position"
    field = "position"


class BadCodeError(InvalidError):
    """A code has 1 to 50 characters, none of them a control character, and shows something."""

    code = "bad_code"
    field = "code"


class CodeTakenError(ConflictError):
    """Another item of the manager has this code."""

    code = "code_taken"


class ColumnsMissingError(InvalidError):
    """The file has no column that is called {columns}: the first row has the headings."""

    code = "columns_missing"
    field = "file"


class ColumnRepeatedError(InvalidError):
    """Two columns of the file are called {column}."""

    code = "column_repeated"
    field = "file"


class NearestCategoryError(InvalidError):
    """There is no category “{written}” to choose; the nearest is “{nearest}”."""

    code = "nearest_category"
    field = "category"


class PlaceMissingError(InvalidError):
    """Give a pickup place of yours, or a place with its latitude and longitude."""

    code = "place_missing"
    field = "place"


class RowRepeatedError(InvalidError):
    """Row {row} is about the same item."""

    code = "row_repeated"
    field = "id"


class CellUnknownError(InvalidError):
    """The cell has a formula without a result, or an error: write the value itself."""

    code = "cell_unknown"


class ImportRefusedError(ConflictError):
    """Row {row} was refused, and nothing was changed: {reason}."""

    code = "import_refused"


class ImportNotFoundError(NotFoundError):
    """There is no such import."""

    code = "import_not_found"


class ImportTooLongError(ConflictError):
    """All or nothing takes at most {most} rows at once: import this file row by row."""

    code = "import_too_long"
