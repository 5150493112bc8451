#!/usr/bin/env python3
"""What the answers of a batch inference job must be like, and how good they are.

Standard library only: the boto3 tests import it, and scripts/e2e-cli.sh calls it:

  checks.py output INPUT OUTPUT --items ITEMS.csv [--results 25] [--filtered COLUMN:PARAMETER]
  checks.py describe ANSWER EXPECTED
  checks.py metrics ANSWER
  checks.py ratio TRUTH.csv OUTPUT POPULAR --least 1.5 [--train TRAIN.csv]

Files ending in .gz are unpacked. The first check that does not hold ends the program with status 1 and
says what came and what was expected.
"""
import argparse
import csv
import gzip
import json
import math
import sys


class Wrong(AssertionError):
    """An answer is not what it must be."""


def require(holds, what, got, want):
    """Raises Wrong unless the promise holds."""
    if not holds:
        raise Wrong(f"{what}\n  came:     {str(got)[:600]}\n  expected: {str(want)[:600]}")


def opened(path):
    if path.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return open(path, encoding="utf-8", newline="")


def read_lines(path):
    """The lines of a JSON Lines file that are not blank, as text."""
    with opened(path) as f:
        return [line.rstrip("\r\n") for line in f.read().split("\n") if line.strip()]


def read_column(path, column, key="ITEM_ID"):
    """The values of a multi-valued column by id."""
    with opened(path) as f:
        return {row[key]: set(row.get(column, "").split("|")) for row in csv.DictReader(f)}


# ---- the lines of an output ------------------------------------------------------------------------


def asked_user(line):
    """The question of an input line of the USER_PERSONALIZATION family, or None where it is none."""
    try:
        question = json.loads(line)
    except ValueError:
        return None
    user = question.get("userId") if isinstance(question, dict) else None
    return question if isinstance(user, str) and 1 <= len(user) <= 256 else None


def filter_values(text):
    """The values that a filterValues string lists: "a","b"."""
    return set(next(csv.reader([text], skipinitialspace=True)))


def check_scores(what, scores, items):
    """Scores are shares, descending, of at most 7 decimals, and part of one distribution.

    Only one that is nearly nothing, below 0.00000005, rounds to 0.
    """
    require(len(scores) == len(items), f"{what}: as many scores as items", len(scores), len(items))
    require(all(0 <= s <= 1 for s in scores), f"{what}: shares", scores, "numbers from 0 to 1")
    require(not scores or scores[0] > 0, f"{what}: the best score", scores, "more than 0")
    require(scores == sorted(scores, reverse=True), f"{what}: best first", scores, "descending scores")
    require(all(round(s, 7) == s for s in scores), f"{what}: 7 decimals", scores, "at most 7 decimals")
    require(sum(scores) <= 1 + 1e-5, f"{what}: scores of one softmax", sum(scores), "a sum of at most 1")


def check_answer(what, answer, items, results, scored=True):
    """An answer without an error: results different items of the catalogue."""
    require(set(answer) == {"input", "output", "error"}, f"{what}: members", sorted(answer), ["error", "input", "output"])
    require(answer["error"] is None, f"{what}: error", answer["error"], None)
    output = answer["output"]
    members = {"recommendedItems", "scores"} if scored else {"recommendedItems"}
    require(set(output) == members, f"{what}: members of output", sorted(output), sorted(members))
    got = output["recommendedItems"]
    require(len(got) == results, f"{what}: number of items", len(got), results)
    require(len(set(got)) == len(got), f"{what}: different items", got, "no item twice")
    require(set(got) <= items, f"{what}: known items", sorted(set(got) - items), "items of the catalogue")
    if scored:
        check_scores(what, output["scores"], got)
    return got


def check_error(what, answer, line):
    """The answer to a line that cannot be answered: its echo and a sentence, and no output."""
    require(set(answer) == {"input", "error"}, f"{what}: members", sorted(answer), ["error", "input"])
    require(isinstance(answer["error"], str) and answer["error"], f"{what}: error", answer["error"], "a sentence")
    try:
        echo = json.loads(line)
    except ValueError:
        echo = None
    if not isinstance(echo, dict):
        echo = line  # what is no object is echoed as text
    require(answer["input"] == echo, f"{what}: echo", answer["input"], echo)


def check_output(asked, answered, columns, results=25, parameter=None):
    """Holds the output of a user job against its input, line by line; returns (answered, refused).

    columns has the values of the filter's column by item. With a parameter, the lists must keep to
    the values that each line gives for it, and lines without it must be refused.
    """
    require(len(asked) == len(answered), "one output line for each input line", len(answered), len(asked))
    items, good, bad = set(columns), 0, 0
    for n, (line, text) in enumerate(zip(asked, answered), 1):
        what = f"output line {n}"
        answer = json.loads(text)
        question = asked_user(line)
        values = None
        if question and parameter:
            values = question.get("filterValues", {}).get(parameter)
        if question is None or parameter and values is None:
            check_error(what, answer, line)
            bad += 1
            continue
        require(answer.get("input") == question, f"{what}: order and echo", answer.get("input"), question)
        want = results
        if parameter:
            wanted = filter_values(values)
            passing = {i for i, v in columns.items() if v & wanted}
            want = min(results, len(passing))
        got = check_answer(what, answer, items, want)
        if parameter:
            require(set(got) <= passing, f"{what}: filtered by {values}", [(i, sorted(columns[i])) for i in got if i not in passing], "none")
        good += 1
    return good, bad


# ---- DescribeBatchInferenceJob ---------------------------------------------------------------------

DESCRIBED = {"jobName", "batchInferenceJobArn", "solutionVersionArn", "numResults", "jobInput", "jobOutput", "roleArn",
             "status", "creationDateTime", "lastUpdatedDateTime", "batchInferenceJobConfig", "batchInferenceJobMode"}


def check_described(job, expected):
    """A finished job's description has exactly the members it should, with these values."""
    times = {"creationDateTime", "lastUpdatedDateTime"}
    want = DESCRIBED | set(expected)
    require(set(job) == want, "members of batchInferenceJob", sorted(job), sorted(want))
    for member in sorted(want - times):
        require(job[member] == expected[member], f"batchInferenceJob.{member}", job[member], expected[member])
    require(job["creationDateTime"] <= job["lastUpdatedDateTime"], "times of batchInferenceJob",
            [job["creationDateTime"], job["lastUpdatedDateTime"]], "created before updated")


# ---- metrics ---------------------------------------------------------------------------------------

METRICS = {"coverage", "mean_reciprocal_rank_at_25"} | {
    f"{m}_at_{k}" for m in ("normalized_discounted_cumulative_gain", "precision") for k in (5, 10, 25)}


def check_metrics(metrics):
    """GetSolutionMetrics has the keys of the recipe's type, as shares rounded to 4 decimals."""
    require(set(metrics) == METRICS, "keys of metrics", sorted(metrics), sorted(METRICS))
    for key, v in metrics.items():
        require(0 <= v <= 1, f"metrics.{key}", v, "a share")
        require(round(v, 4) == v, f"metrics.{key}", v, "at most 4 decimals")
    require(metrics["precision_at_10"] > 0, "metrics.precision_at_10", metrics["precision_at_10"], "some hits")


def read_truth(path):
    """What each user took after the training data ends."""
    truth = {}
    with opened(path) as f:
        for row in csv.DictReader(f):
            truth.setdefault(row["USER_ID"], set()).add(row["ITEM_ID"])
    return truth


def read_lists(path):
    """The recommended items by user."""
    lists = {}
    for line in read_lines(path):
        answer = json.loads(line)
        if "output" in answer:
            lists[answer["input"]["userId"]] = answer["output"]["recommendedItems"]
    return lists


def precision_at(k, items, truth):
    """Hits among the first k, over k."""
    return len(set(items[:k]) & truth) / k


def ndcg_at(k, items, truth):
    """The sum of 1/log2(rank+1) over the hits among the first k, over the same with all hits on top."""
    gain = [1 / math.log2(rank + 2) for rank in range(k)]
    hits = sum(gain[rank] for rank, item in enumerate(items[:k]) if item in truth)
    return hits / sum(gain[:min(k, len(truth))])


def quality(truth, lists):
    """Mean precision@10 and ndcg@10 over all users of truth; who has no list counts as 0."""
    n = len(truth)
    return {
        "precision@10": sum(precision_at(10, lists.get(u, []), t) for u, t in truth.items()) / n,
        "ndcg@10": sum(ndcg_at(10, lists.get(u, []), t) for u, t in truth.items()) / n,
    }


FILTERED = 100  # a filter looks at so many of a user's newest events of a type, as the service's do


def unseen(lists, train):
    """The lists without what the users had in training.

    The lists come through a filter that leaves those items out, so that nothing is left to do but for
    users with more events than a filter looks at.
    """
    seen = {}
    with opened(train) as f:
        for row in csv.DictReader(f):
            seen.setdefault(row["USER_ID"], []).append(row["ITEM_ID"])
    rest = {}
    for user, items in lists.items():
        had = seen.get(user, [])
        rest[user] = [i for i in items if i not in set(had)]
        if len(had) <= FILTERED:
            require(rest[user] == items, f"user {user}: only unseen items", sorted(set(items) & set(had)), [])
    return rest


def check_ratio(truth, ours, popular, least):
    """The model beats recommending what is popular by a factor; returns the lines to print."""
    a, b = quality(truth, ours), quality(truth, popular)
    lines = []
    for key in a:
        require(b[key] > 0, f"{key} of popularity", b[key], "some hits")
        lines.append(f"{key}: model {a[key]:.4f}, popularity {b[key]:.4f}, ratio {a[key] / b[key]:.2f} over {len(truth)} users")
        require(a[key] >= least * b[key], f"{key} against popularity", lines[-1], f"a ratio of at least {least}")
    return lines


# ---- the command line ------------------------------------------------------------------------------


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="check", required=True)
    c = sub.add_parser("output")
    c.add_argument("input")
    c.add_argument("output")
    c.add_argument("--items", required=True)
    c.add_argument("--results", type=int, default=25)
    c.add_argument("--filtered", help="COLUMN:PARAMETER")
    c = sub.add_parser("describe")
    c.add_argument("answer")
    c.add_argument("expected")
    c = sub.add_parser("metrics")
    c.add_argument("answer")
    c = sub.add_parser("ratio")
    c.add_argument("truth")
    c.add_argument("output")
    c.add_argument("popular")
    c.add_argument("--least", type=float, required=True)
    c.add_argument("--train", required=True)
    a = p.parse_args()
    try:
        run(a)
    except Wrong as e:
        sys.exit(f"{a.check}: {e}")


def run(a):
    if a.check == "output":
        column, _, parameter = (a.filtered or "ITEM_ID:").partition(":")
        good, bad = check_output(read_lines(a.input), read_lines(a.output), read_column(a.items, column), a.results, parameter)
        print(f"{good} lines answered, {bad} refused")
    elif a.check == "describe":
        with open(a.answer) as f, open(a.expected) as g:
            check_described(json.load(f)["batchInferenceJob"], json.load(g))
    elif a.check == "metrics":
        with open(a.answer) as f:
            metrics = json.load(f)["metrics"]
        check_metrics(metrics)
        print(" ".join(f"{k}={v}" for k, v in sorted(metrics.items())))
    else:
        ours, popular = read_lists(a.output), read_lists(a.popular)
        print("\n".join(check_ratio(read_truth(a.truth), unseen(ours, a.train), unseen(popular, a.train), a.least)))


if __name__ == "__main__":
    main()
