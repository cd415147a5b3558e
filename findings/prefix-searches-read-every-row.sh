#!/bin/sh
# SQLite 3.54.1 (in apsw 3.54.1.0), FTS5, 20,000 rows with one word in common: `MATCH '전동드릴' LIMIT 1` reads a few pages of the index, as
# rows come one by one. `MATCH '전동*' LIMIT 1` first reads and merges the lists of every word that begins so, and costs what the query without
# LIMIT costs, though here one word begins so. The option prefix='2' makes it lazy for two letters, and is no help for three.
# Expected: LIMIT 1 stops after the first row, with a prefix as with a word. Counted: pages read from the file.
. "$(dirname "$0")/setup.sh"
with_python apsw==3.54.1.0

cat > expected <<'END'
plain: 전동드릴 with LIMIT 1 few pages, without all; 전동* with LIMIT 1 all pages, without all; 전동드* with LIMIT 1 all pages, without all
prefix='2': 전동드릴 with LIMIT 1 few pages, without all; 전동* with LIMIT 1 few pages, without all; 전동드* with LIMIT 1 all pages, without all
END
cat > count.py <<'END'
import apsw

connection = apsw.Connection("words.db")
with connection:
    for name, option in (("plain", ""), ("indexed", ", prefix='2'")):
        connection.execute(f"CREATE VIRTUAL TABLE {name} USING fts5 (words, content=''{option})")
        rows = ((number, f"전동드릴 {number}번 대여") for number in range(1, 20001))
        connection.executemany(f"INSERT INTO {name} (rowid, words) VALUES (?, ?)", rows)
        connection.execute(f"INSERT INTO {name} ({name}) VALUES ('optimize')")
connection.close()


def pages(table, word, limit):
    connection = apsw.Connection("words.db")
    connection.execute(f"SELECT rowid FROM {table} WHERE {table} MATCH '{word}' {limit}").fetchall()
    read, _ = connection.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)
    connection.close()
    return read


for table, name in (("plain", "plain"), ("indexed", "prefix='2'")):
    full = pages(table, "전동드릴", "")
    texts = []
    for word in ("전동드릴", "전동*", "전동드*"):
        one, all_of_them = ("all" if pages(table, word, limit) >= full - 2 else "few" for limit in ("LIMIT 1", ""))
        texts.append(f"{word} with LIMIT 1 {one} pages, without {all_of_them}")
    print(f"{name}: {'; '.join(texts)}")
END
env/bin/python count.py > seen
compare
