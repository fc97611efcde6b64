"""Python in its C extensions: json, re, sqlite3, zlib, and C that calls Python back (sort keys, re.sub, map).

extensions.py SECONDS
"""

import json
import random
import re
import sqlite3
import sys
import time
import zlib


def shorten(match):
    return match.group(0)[:2]


def key(pair):
    return (len(pair[1]), pair[0])


def encode(seed):
    # Another number in each turn: a sampler's fixed rate would run in step with turns of one length, and show any share.
    numbers = range(random.randrange(1, 120))
    data = {str(n): [n * seed, {"text": "x" * (n % 30), "half": n / 2}] for n in numbers}
    text = json.dumps(data, indent=1)
    return re.sub(r"[a-z]+\d*", shorten, text), json.loads(text)


def ask(connection, seed):
    connection.execute("delete from t")
    connection.executemany("insert into t values (?, ?)", [(n, str(n * seed)) for n in range(random.randrange(200))])
    return connection.execute("select length(b), count(*) from t group by 1 order by 2").fetchall()


def turn(connection, seed):
    text, data = encode(seed)
    pairs = sorted(((name, str(value)) for name, value in data.items()), key=key)
    return len(zlib.compress(text.encode())) + len(pairs) + len(ask(connection, seed))


def main():
    end = time.time() + float(sys.argv[1] if len(sys.argv) > 1 else 1)
    connection = sqlite3.connect(":memory:")
    connection.create_function("length", 1, lambda text: len(text))
    connection.execute("create table t (a integer, b text)")
    seed = 1
    while time.time() < end:
        seed = seed % 1000 + turn(connection, seed) % 7 + 1


main()
