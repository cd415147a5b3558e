"""What imports cannot show of tables: no relation crosses a context's boundary, and no migration is missing."""

import ast
from io import StringIO
from itertools import chain

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db.models import Model

from tests.architecture.source import LAYERS, ROOT, functions_of, location, sources, tree_of

MODELS = [model for model in apps.get_models() if model.__module__.startswith(LAYERS)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_relation_stays_in_its_context_or_names_the_person_without_a_way_back(model: type[Model]) -> None:
    for field in chain(model._meta.fields, model._meta.many_to_many):
        relation = field.remote_field
        if relation is None or relation.model._meta.app_label == model._meta.app_label:
            continue
        if model._meta.label == settings.AUTH_USER_MODEL and relation.model._meta.app_label == "auth":
            continue  # Django's own groups and permissions
        assert relation.model._meta.label == settings.AUTH_USER_MODEL, field
        assert relation.related_name == "+", field


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_model_asks_for_no_order_and_does_nothing_on_save(model: type[Model]) -> None:
    assert not model._meta.ordering
    if model._meta.label != settings.AUTH_USER_MODEL:  # Django's own base class has a save()
        assert model.save is Model.save
        assert model.delete is Model.delete


def test_no_model_is_fetched_by_its_name() -> None:
    fetched = [
        location(path, node)
        for path in sources("config", "apps")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute | ast.Name) and (node.attr if isinstance(node, ast.Attribute) else node.id) == "get_model"
    ]
    assert fetched == []


def test_no_model_signal_is_used() -> None:
    heard = [
        location(path, node)
        for path in sources(*LAYERS)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "django.db.models.signals"
        and {name.name for name in node.names} - {"post_migrate"}
    ]
    assert heard == []


def test_models_have_no_save_of_their_own() -> None:
    assert [
        location(path, function)
        for path in sources("apps", "gdmarket")
        if path.stem == "models" or path.parent.name == "models"
        for function in functions_of(path)
        if function.name in {"save", "delete"}
    ] == []


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    said = StringIO()
    call_command("makemigrations", dry_run=True, verbosity=1, stdout=said)
    assert said.getvalue() == "No changes detected\n"


def test_a_context_opens_transactions_on_its_own_database_and_no_other() -> None:
    """`transaction.atomic()` is on `default`, where few contexts are at home once they have databases of their own."""
    strange = []
    for path in sources("apps"):
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "atomic"):
                continue
            named = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if ast.unparse(node.func) != "databases.transaction_for" or named != [path.relative_to(ROOT).parts[1]]:
                strange.append(location(path, node))
    assert strange == []
