"""`manage.py doctor`: everything that an operator can get wrong, looked at in one go. It reads, and changes nothing.

Each module looks at one subject; each check is a function that yields what it found. A check that cannot work, because the database is
away say, is a finding like any other, and the rest goes on.
"""
