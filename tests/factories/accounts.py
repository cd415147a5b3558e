"""People of the neighbourhood."""

import factory
from django.conf import settings

PASSWORD = "gdmarket-demo"


class UserFactory(factory.django.DjangoModelFactory):
    """A person who may rent; `UserFactory(item_manager=True)` manages items, `UserFactory(operator=True)` is staff."""

    class Meta:
        model = settings.AUTH_USER_MODEL
        skip_postgeneration_save = True

    class Params:
        renter = factory.Trait(is_renter=True, is_item_manager=False)
        item_manager = factory.Trait(is_renter=False, is_item_manager=True)
        operator = factory.Trait(is_staff=True, is_superuser=True)

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    display_name = factory.Sequence(lambda n: f"이웃 {n}")
    is_renter = True
    is_item_manager = False
    password = factory.django.Password(PASSWORD)
