"""What import contracts cannot check of tables: no relation crosses a context's boundary, and no migration is missing."""

import ast
from io import StringIO
from itertools import chain

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db.models import Model

from tests.architecture.source import LAYERS, ROOT, location, sources, tree_of

MODELS = [model for model in apps.get_models() if model.__module__.startswith(LAYERS)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_relation_stays_in_its_context_or_refers_to_the_user_one_way(model: type[Model]) -> None:
    for field in chain(model._meta.fields, model._meta.many_to_many):
        relation = field.remote_field
        if relation is None or relation.model._meta.app_label == model._meta.app_label:
            continue
        if model._meta.label == settings.AUTH_USER_MODEL and relation.model._meta.app_label == "auth":
            continue  # Django's own groups and permissions
        assert relation.model._meta.label == settings.AUTH_USER_MODEL, field
        assert relation.related_name == "+", field


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_model_has_no_ordering_and_no_save_or_delete_of_its_own(model: type[Model]) -> None:
    assert not model._meta.ordering
    assert not {"save", "delete"} & vars(model).keys()


def test_no_model_is_looked_up_by_its_name() -> None:
    found = [
        location(path, node)
        for path in sources("config", "apps")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute | ast.Name) and (node.attr if isinstance(node, ast.Attribute) else node.id) == "get_model"
    ]
    assert found == []


def test_no_model_signal_is_used() -> None:
    found = [
        location(path, node)
        for path in sources(*LAYERS)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "django.db.models.signals"
        and {name.name for name in node.names} - {"post_migrate"}
    ]
    assert found == []


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    output = StringIO()
    call_command("makemigrations", dry_run=True, verbosity=1, stdout=output)
    assert output.getvalue() == "No changes detected\n"


def test_a_context_opens_transactions_on_its_own_database_and_no_other() -> None:
    """`transaction.atomic()` is on `default`, which is the wrong database once a context has its own."""
    found = []
    for path in sources("apps"):
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "atomic"):
                continue
            named = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if ast.unparse(node.func) != "databases.transaction_for" or named != [path.relative_to(ROOT).parts[1]]:
                found.append(location(path, node))
    assert found == []
