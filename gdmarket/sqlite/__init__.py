"""Django's SQLite backend with a queue of writers: `ENGINE = "gdmarket.sqlite"`.

SQLite has one writer at a time, and no queue: who finds it busy sleeps and tries again, longer each time, so that whoever has just come
goes first. With eight writers the unlucky waited two seconds where the others waited 0.1. Here writers go in the order in which they asked:
threads in a queue, and processes by two locks on a file beside the database (`writers`). Other programs that write the file are
waited for as ever.
"""
