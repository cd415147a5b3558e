"""The reasons for which accounts refuses."""

from gdmarket import errors


class EmailTakenError(errors.ConflictError):
    """Somebody is registered with this e-mail address already."""

    code = "email_taken"


class WeakPasswordError(errors.InvalidError):
    """This password is too easy to guess: choose another ({reason})."""

    code = "weak_password"
    field = "password"


class InvalidCredentialsError(errors.NotAuthenticatedError):
    """E-mail address or password is wrong."""

    code = "invalid_credentials"


class TooManyPeopleError(errors.InvalidError):
    """More than {most} people are called that: give more of the name."""

    code = "too_many_people"


class TokenNotValidError(errors.NotAuthenticatedError):
    """The token is not valid, or not any longer."""

    code = "token_not_valid"


class TooManyFailedLoginsError(errors.TooOftenError):
    """Too many wrong passwords: please wait a moment."""

    code = "throttled"


class HashingBusyError(errors.UnavailableError):
    """Many people are signing in just now: please try again in a moment."""

    code = "sign_in_busy"


class PersonNotFoundError(errors.NotFoundError):
    """There is no such person."""

    code = "person_not_found"
