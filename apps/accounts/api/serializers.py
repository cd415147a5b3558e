"""People and tokens in JSON."""

from typing import Any

from rest_framework import serializers

from apps.accounts import domain
from gdmarket.rest.serializers import StrictSerializer


class RegistrationSerializer(StrictSerializer):
    """A registration."""

    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)
    display_name = serializers.CharField(max_length=100)

    def validate_email(self, email: str) -> str:
        """Return the address in its one form, which may be longer, as İ is two characters in lower case.

        :raises ValidationError: if it is too long in that form, or no address
        """
        normalized = domain.normalize_email(email=email)
        return self.fields["email"].run_validation(normalized) if normalized != email.lower() or len(normalized) != len(email) else email


class CredentialsSerializer(StrictSerializer):
    """Credentials to sign in with."""

    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)


class RefreshSerializer(StrictSerializer):
    """A refresh token."""

    refresh = serializers.CharField(max_length=4096)  # a token of another kind is no token (401), not a malformed one


class PersonSerializer(serializers.Serializer[Any]):
    """A person, as they see themselves."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    display_name = serializers.CharField()
    roles = serializers.ListField(child=serializers.ChoiceField(choices=["renter", "item_manager", "operator"]))


class TokensSerializer(serializers.Serializer[Any]):
    """A pair of tokens."""

    access = serializers.CharField()
    refresh = serializers.CharField()
