#!/usr/bin/env python3
"""A made-up world whose tastes are known, so that it is known who belongs to which segment.

Standard library only: the boto3 tests import it, and scripts/e2e-cli.sh calls it:

  planted.py FOLDER                      writes interactions.csv, items.csv, users.csv and their schemas
  planted.py check INPUT OUTPUT RESULTS  holds the output of a segment job against the tastes

Each of the 300 users has one taste of three and takes 11 of its 20 films, drawn by the user's number, and one of
another taste, none of them twice; their ages are 20, 30, 40 and 50, in each taste alike.
"""
import json
import os
import random
import re
import sys

import checks

TASTES = ("comedy", "drama", "horror")
USERS, ITEMS = 300, 60
TAKEN = 12  # interactions of each user
BEGIN = 1_700_000_000


def user(n):
    return f"u{n}"


def item(n):
    return f"i{n}"


def taste_of(name):
    """The taste of a user or the genre of an item."""
    return TASTES[int(name[1:]) % 3]


def age_of(name):
    return 20 + int(name[1:]) // 3 % 4 * 10


def items_of(n):
    """The numbers of the items that a user takes, oldest first."""
    draw = random.Random(n)
    own = [3 * k + n % 3 for k in draw.sample(range(ITEMS // 3), TAKEN - 1)]
    return own[:5] + [3 * draw.randrange(ITEMS // 3) + (n + 1) % 3] + own[5:]


def interactions():
    rows = ["USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP"]
    for k in range(TAKEN):
        for n in range(USERS):
            kind = "buy" if k % 4 == 3 and n % 5 < 3 else "view"
            rows.append(f"{user(n)},{item(items_of(n)[k])},{kind},{BEGIN + 3600 * k + n}")
    return "\n".join(rows) + "\n"


def items():
    return "ITEM_ID,GENRE,PRICE\n" + "".join(f"{item(n)},{taste_of(item(n))},{n // 3 % 2 + 1}\n" for n in range(ITEMS))


def users():
    return "USER_ID,AGE\n" + "".join(f"{user(n)},{age_of(user(n))}\n" for n in range(USERS))


def schema(kind, *fields):
    """A schema of the kind. A field is written NAME:type, NAME:type* if it is categorical, NAME:type? if it may be null."""
    columns = []
    for field in fields:
        name, _, form = field.partition(":")
        column = {"name": name, "type": ["null", form[:-1]] if form.endswith("?") else form.rstrip("*")}
        columns.append(column | {"categorical": True} if form.endswith("*") else column)
    return json.dumps({"type": "record", "name": kind, "namespace": "com.amazonaws.personalize.schema", "fields": columns, "version": "1.0"})


SCHEMAS = {
    "interactions": schema("Interactions", "USER_ID:string", "ITEM_ID:string", "EVENT_TYPE:string", "TIMESTAMP:long"),
    "items": schema("Items", "ITEM_ID:string", "GENRE:string*", "PRICE:int"),
    "users": schema("Users", "USER_ID:string", "AGE:int"),
}
TABLES = {"interactions": interactions, "items": items, "users": users}


# ---- segments --------------------------------------------------------------------------------------


def least_age(question):
    """The age above which a line wants users, by the filter INCLUDE UserID WHERE Users.AGE > $AGE."""
    return int(question.get("filterValues", {}).get("AGE", "0"))


def taste_asked(question):
    """The taste that a line of a segment job asks for, or None where it asks for nothing that there is."""
    if "itemId" in question:
        known = question["itemId"] in {item(n) for n in range(ITEMS)}
        return taste_of(question["itemId"]) if known else None
    named = re.search(r'ITEMS\.GENRE = "(\w+)"', question["itemAttributes"])
    return named[1] if named and named[1] in TASTES else None


def check_segments(asked, answered, results):
    """Holds the output of a segment job against the tastes; returns (answered, refused).

    Each segment must have so many results, all of the age asked for and nine in ten of the taste. The segment of an item is those
    who have not had it yet, since nobody takes anything twice: 33 of a taste or more, and 15 of them or more above 30.
    """
    checks.require(len(answered) == len(asked), "one output line for each input line", len(answered), len(asked))
    good = bad = 0
    for n, (line, text) in enumerate(zip(asked, answered), 1):
        what, answer, question = f"segment {n}", json.loads(text), json.loads(line)
        taste = taste_asked(question)
        if taste is None:
            checks.check_error(what, answer, line)
            bad += 1
            continue
        checks.require(set(answer) == {"input", "output", "error"}, f"{what}: members", sorted(answer), ["error", "input", "output"])
        checks.require((answer["input"], answer["error"]) == (question, None), f"{what}: echo", answer, question)
        got = answer["output"]["usersList"]
        checks.require(len(set(got)) == len(got) == results, f"{what}: users", got, f"{results} different ones")
        young = [(u, age_of(u)) for u in got if age_of(u) <= least_age(question)]
        checks.require(not young, f"{what}: the filter", young, f"ages above {least_age(question)}")
        other = [(u, taste_of(u)) for u in got if taste_of(u) != taste]
        checks.require(len(other) <= results // 10, f"{what}: those who like {taste}", other, f"at most {results // 10} others")
        good += 1
    return good, bad


# ---- the command line ------------------------------------------------------------------------------


def write(folder):
    for name, table in TABLES.items():
        with open(os.path.join(folder, f"{name}.csv"), "w") as f:
            f.write(table())
        with open(os.path.join(folder, f"{name}.schema.json"), "w") as f:
            f.write(SCHEMAS[name])


def main():
    if len(sys.argv) == 2:
        write(sys.argv[1])
    elif len(sys.argv) == 5 and sys.argv[1] == "check":
        try:
            good, bad = check_segments(checks.read_lines(sys.argv[2]), checks.read_lines(sys.argv[3]), int(sys.argv[4]))
        except checks.Wrong as e:
            sys.exit(str(e))
        print(f"{good} lines answered, {bad} refused")
    else:
        sys.exit("usage: planted.py FOLDER | planted.py check INPUT OUTPUT RESULTS")


if __name__ == "__main__":
    main()
