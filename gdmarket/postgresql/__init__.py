"""Django's PostgreSQL backend with less between a statement and the server: `ENGINE = "gdmarket.postgresql"`.

A kept connection is asked whether it is still alive where its socket has something to say, or was silent for some seconds.
`statement_cursor()` sends values beside a statement, which the server may have prepared under a digest of its text (`session`). A
transaction begins with the first statement that any cursor sends in it.
"""
