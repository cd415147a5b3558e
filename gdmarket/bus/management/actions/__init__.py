"""What `manage.py bus` can do: a module an action, or a few that belong together, with its words, its arguments and its printing."""
