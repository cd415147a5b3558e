"""The actions of `manage.py bus`: each module adds its actions' arguments, and prints their results."""
