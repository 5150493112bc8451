"""User segments with boto3, for items and for their attributes: planted tastes come back in the right segments."""
import json

import pytest

import checks
import planted
from conftest import BUCKET, ROLE, active, caught

METRICS = {"coverage", "hits_at_1_percent", "recall_at_1_percent"}


@pytest.fixture(scope="session")
def of_items(tastes):
    return tastes.train("aws-item-affinity")


@pytest.fixture(scope="session")
def of_attributes(tastes):
    return tastes.train("aws-item-attribute-affinity")


@pytest.fixture(scope="session")
def above(tastes):
    return tastes.filter("above", "INCLUDE UserID WHERE Users.AGE > $AGE")


@pytest.fixture(scope="session")
def buyers(tastes):
    return tastes.filter("buyers", 'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("buy")')


def test_metrics(of_items, of_attributes, personalize):
    for version in (of_items, of_attributes):
        metrics = personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
        assert set(metrics) == METRICS
        assert metrics["hits_at_1_percent"] > 0, metrics


def test_for_items(tastes, of_items):
    lines = [{"itemId": planted.item(n)} for n in (*range(12), 59)] + [{"itemId": "never"}]
    asked, answered = tastes.segment("items", of_items, lines, numResults=25)
    assert planted.check_segments(asked, answered, 25) == (13, 1)
    assert "never" in json.loads(answered[-1])["error"]


def test_for_items_of_an_age(tastes, of_items, above):
    lines = [{"itemId": planted.item(n), "filterValues": {"AGE": str(20 + n // 3 % 2 * 10)}} for n in range(9)]
    asked, answered = tastes.segment("grown-up", of_items, lines, numResults=10, filterArn=above)
    assert planted.check_segments(asked, answered, 10) == (9, 0)


def test_for_items_among_buyers(tastes, of_items, buyers):
    """Who has never bought is in no segment, however many users are asked for."""
    bought = {row.split(",")[0] for row in planted.interactions().splitlines() if ",buy," in row}
    _, answered = tastes.segment("buyers", of_items, [{"itemId": "i0"}, {"itemId": "i1"}], numResults=planted.USERS, filterArn=buyers)
    segments = [json.loads(a)["output"]["usersList"] for a in answered]
    assert [set(s) for s in segments] == [bought, bought]
    assert segments[0] != segments[1]
    assert sum(planted.taste_of(u) == "comedy" for u in segments[0][:10]) >= 9


def test_for_attributes(tastes, of_attributes):
    lines = [{"itemAttributes": f'ITEMS.GENRE = "{t}"'} for t in planted.TASTES]
    lines += [{"itemAttributes": 'ITEMS.GENRE = "drama" AND ITEMS.PRICE = 2'}, {"itemAttributes": 'ITEMS.GENRE = "opera"'},
              {"itemAttributes": 'ITEMS.GENRE IN ("drama")'}]
    asked, answered = tastes.segment("attributes", of_attributes, lines, numResults=20)
    assert planted.check_segments(asked[:5], answered[:5], 20) == (4, 1)
    checks.check_error("an operator that there is not", json.loads(answered[5]), asked[5])


def test_for_attributes_of_an_age(tastes, of_attributes, above):
    lines = [{"itemAttributes": f'ITEMS.GENRE = "{t}"', "filterValues": {"AGE": "30"}} for t in planted.TASTES]
    asked, answered = tastes.segment("grown-up-attributes", of_attributes, lines, numResults=10, filterArn=above)
    assert planted.check_segments(asked, answered, 10) == (3, 0)


def test_default_number_and_again(tastes, of_items):
    first = tastes.segment("default-1", of_items, [{"itemId": "i4"}])
    assert planted.check_segments(*first, 25) == (1, 0)
    assert tastes.segment("default-2", of_items, [{"itemId": "i4"}])[1] == first[1]


def test_described_as_created(tastes, of_items, above, personalize):
    where = tastes.put("in/echo.json", '{"itemId": "i1", "filterValues": {"AGE": "30"}}')
    job = dict(jobName="tastes-echo", solutionVersionArn=of_items, filterArn=above, numResults=7, roleArn=ROLE,
               jobInput={"s3DataSource": {"path": where}}, jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/tastes/out/echo/"}})
    arn = personalize.create_batch_segment_job(**job, tags=[{"tagKey": "a", "tagValue": "b"}])["batchSegmentJobArn"]
    d = active(personalize.describe_batch_segment_job, "batchSegmentJob", batchSegmentJobArn=arn)
    assert d.pop("creationDateTime") <= d.pop("lastUpdatedDateTime")
    assert d == job | {"batchSegmentJobArn": arn, "status": "ACTIVE"}
    newest = personalize.list_batch_segment_jobs(solutionVersionArn=of_items, maxResults=1)["batchSegmentJobs"]
    assert [(j["jobName"], j["status"]) for j in newest] == [("tastes-echo", "ACTIVE")]
    keys = [o["Key"] for o in tastes.s3.list_objects_v2(Bucket=BUCKET, Prefix="tastes/out/echo/")["Contents"]]
    assert keys == ["tastes/out/echo/_CHECK", "tastes/out/echo/echo.json.out"]


def test_refusals(tastes, of_items, of_attributes, buyers, personalize):
    job = dict(jobName="x", roleArn=ROLE, jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/tastes/in/"}},
               jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/tastes/out/"}})
    wrong = personalize.exceptions.InvalidInputException
    create = personalize.create_batch_segment_job
    assert "CreateBatchSegmentJob" in caught(wrong, personalize.create_batch_inference_job, solutionVersionArn=of_items, **job)
    assert "Interactions" in caught(wrong, create, solutionVersionArn=of_attributes, filterArn=buyers, **job)
    items_only = tastes.filter("cheap", "INCLUDE ItemID WHERE Items.PRICE < 2")
    assert "ItemID" in caught(wrong, create, solutionVersionArn=of_items, filterArn=items_only, **job)
    assert "5000000" in caught(wrong, create, solutionVersionArn=of_items, numResults=5_000_001, **job)
    caught(personalize.exceptions.ResourceNotFoundException, create, solutionVersionArn=of_items[:-8] + "ffffffff", **job)
