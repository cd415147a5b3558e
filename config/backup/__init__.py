"""A copy of everything that must survive, and the way back: `manage.py backup` and `manage.py restore`.

A backup is a folder: a file for each database, one for each book of a provider to try things with, and a manifest written last, which
has the checksum of every file and, for every table, the number of rows and a digest of them: what was restored is compared with that.
"""
