"""Django's PostgreSQL backend with less between a statement and the server: `ENGINE = "gdmarket.postgresql"`.

A kept connection is asked whether it is still alive only where its socket does not tell. `statement_cursor()` sends values beside a
statement, which the server may have prepared (`session`). A transaction begins with its first statement.
"""
