"""What bad input gets: a modelled error at the call, or CREATE FAILED with a reason a person can act on."""
import re

import pytest
from botocore.exceptions import ClientError

from conftest import ACCOUNT, BUCKET, REGION, ROLE, SCHEMA, made_up, wait

HEADER = "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n"


def arn(resource):
    return f"arn:aws:personalize:{REGION}:{ACCOUNT}:{resource}"


def refused(code, call, **arguments):
    """The call fails with this error code; returns the sentence."""
    with pytest.raises(ClientError) as e:
        call(**arguments)
    error = e.value.response["Error"]
    assert error["Code"] == code, error
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    assert error["Message"]
    return error["Message"]


# ---- at the call -------------------------------------------------------------------------------------


def test_wrong_keys(client):
    refused("InvalidSignatureException", client("personalize", secret="wrong").list_schemas)
    refused("UnrecognizedClientException", client("personalize", key="NOBODY").list_schemas)
    refused("SignatureDoesNotMatch", client("s3", secret="wrong").list_buckets)


def test_missing_parents(small, personalize):
    nf = "ResourceNotFoundException"
    refused(nf, personalize.create_dataset, name="x", datasetType="Interactions", datasetGroupArn=arn("dataset-group/none"),
            schemaArn=arn("schema/small-Interactions"))
    refused(nf, personalize.create_dataset, name="x", datasetType="Items", datasetGroupArn=small.group, schemaArn=arn("schema/none"))
    refused(nf, personalize.create_dataset_import_job, jobName="x", datasetArn=arn("dataset/none/ITEMS"), roleArn=ROLE,
            dataSource={"dataLocation": "s3://b/k"})
    refused(nf, personalize.create_solution, name="x", datasetGroupArn=arn("dataset-group/none"),
            recipeArn="arn:aws:personalize:::recipe/aws-sims")
    refused(nf, personalize.create_solution, name="x", datasetGroupArn=small.group, recipeArn="arn:aws:personalize:::recipe/none")
    refused(nf, personalize.create_solution_version, solutionArn=arn("solution/none"))
    refused(nf, personalize.create_filter, name="x", datasetGroupArn=arn("dataset-group/none"),
            filterExpression='EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")')
    refused(nf, personalize.create_batch_inference_job, jobName="x", solutionVersionArn=arn("solution/none/12345678"), roleArn=ROLE,
            jobInput={"s3DataSource": {"path": "s3://b/in/"}}, jobOutput={"s3DataDestination": {"path": "s3://b/out/"}})
    for describe, member in ((personalize.describe_dataset_group, "datasetGroupArn"), (personalize.delete_dataset_group, "datasetGroupArn")):
        assert "none" in refused(nf, describe, **{member: arn("dataset-group/none")})


def test_duplicate_names(small, personalize):
    ae = "ResourceAlreadyExistsException"
    refused(ae, personalize.create_dataset_group, name="small")
    assert arn("schema/small-Interactions") in refused(ae, personalize.create_schema, name="small-Interactions", schema=SCHEMA)
    refused(ae, personalize.create_dataset, name="another", datasetType="interactions", datasetGroupArn=small.group,
            schemaArn=arn("schema/small-Interactions"))
    refused(ae, personalize.create_dataset_import_job, jobName="small-first", datasetArn=small.datasets["Interactions"], roleArn=ROLE,
            dataSource={"dataLocation": "s3://b/k"})


def test_arns_of_other_kinds(small, personalize):
    ii = "InvalidInputException"
    refused(ii, personalize.describe_dataset_group, datasetGroupArn=arn("schema/small-Interactions"))
    refused(ii, personalize.describe_solution, solutionArn=small.group)
    refused(ii, personalize.create_dataset, name="x", datasetType="Items", datasetGroupArn=arn("solution/x"),
            schemaArn=arn("schema/small-Interactions"))
    refused(ii, personalize.describe_filter, filterArn="no arn at all")


def test_invalid_values(small, personalize):
    ii = "InvalidInputException"
    assert "name" in refused(ii, personalize.create_dataset_group, name="no blanks")
    refused(ii, personalize.create_dataset, name="x", datasetType="Songs", datasetGroupArn=small.group,
            schemaArn=arn("schema/small-Interactions"))
    refused(ii, personalize.create_schema, name="broken", schema="{")
    refused(ii, personalize.create_schema, name="wanting", schema=SCHEMA.replace('"ITEM_ID"', '"THING"'))
    refused(ii, personalize.create_dataset_import_job, jobName="x", datasetArn=small.datasets["Interactions"], roleArn=ROLE,
            dataSource={"dataLocation": "/tmp/file.csv"})
    refused(ii, personalize.create_filter, name="x", datasetGroupArn=small.group, filterExpression="INCLUDE everything")
    refused("InvalidNextTokenException", personalize.list_schemas, nextToken="forged")


def test_lists_with_limits(small, personalize):
    """Pages of one are the same as one page of all."""
    pages = personalize.get_paginator("list_schemas").paginate(PaginationConfig={"PageSize": 1})
    one_by_one = [s["name"] for p in pages for s in p["schemas"]]
    assert one_by_one == [s["name"] for s in personalize.list_schemas(maxResults=100)["schemas"]]
    assert len(set(one_by_one)) == len(one_by_one) > 0


def test_in_use(small, personalize):
    iu = "ResourceInUseException"
    refused(iu, personalize.delete_dataset_group, datasetGroupArn=small.group)
    refused(iu, personalize.delete_schema, schemaArn=arn("schema/small-Interactions"))
    solution = personalize.create_solution(name="small-in-use", datasetGroupArn=small.group, performAutoTraining=False,
                                           recipeArn="arn:aws:personalize:::recipe/aws-user-personalization")["solutionArn"]
    wait(personalize.describe_solution, "solution", solutionArn=solution)
    versions = [personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"] for _ in range(4)]
    refused(iu, personalize.get_solution_metrics, solutionVersionArn=versions[-1])
    refused(iu, personalize.delete_solution, solutionArn=solution)
    refused(iu, personalize.delete_dataset, datasetArn=small.datasets["Interactions"])
    for v in versions:
        assert wait(personalize.describe_solution_version, "solutionVersion", solutionVersionArn=v)["status"] == "ACTIVE"


# ---- imports that fail -------------------------------------------------------------------------------

ROWS = made_up()[len(HEADER):]

BAD_FILES = {
    "missing-column": (made_up().replace("ITEM_ID", "THING"), r"missing the following columns:\[ITEM_ID\]"),
    "broken-quote": (HEADER + ROWS.replace("u5,i", 'u5,"i', 1), r"broken-quote\.csv, line 7.*(ITEM_ID|quot)"),
    "milliseconds": (HEADER + "u1,i1,view,1700000000000\n" + ROWS, r"milliseconds\.csv, line 2: TIMESTAMP .*milliseconds.*seconds"),
    "no-timestamp": (HEADER + ROWS + "u1,i1,view,yesterday\n", r"no-timestamp\.csv, line 1202: TIMESTAMP .*yesterday"),
    "no-user": (HEADER + ROWS + ",i1,view,1700000000\n", r"no-user\.csv, line 1202: USER_ID is empty"),
    "short-row": (HEADER + "u1,i1\n" + ROWS, r"short-row\.csv, line 2: .*2 values.*4 columns"),
    "empty": ("", r"empty\.csv is empty"),
    "header-only": (HEADER, r"0 rows; expected at least 1000"),
    "too-few": (made_up(rows=999), r"999 rows; expected at least 1000"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file(small, name):
    body, reason = BAD_FILES[name]
    d = small.wait_import(small.start_import("Interactions", name, small.put(f"{name}.csv", body)))
    assert d["status"] == "CREATE FAILED"
    assert re.search(reason, d["failureReason"]), d["failureReason"]
    assert "Interactions" in d["failureReason"] or "INTERACTIONS" in d["failureReason"]


@pytest.mark.parametrize("name, location, reason", [
    ("no-bucket", "s3://there-is-no-such-bucket/file.csv", "there-is-no-such-bucket"),
    ("no-object", f"s3://{BUCKET}/small/nothing.csv", r"small/nothing\.csv"),
    ("no-folder", f"s3://{BUCKET}/small/nothing/", "small/nothing/"),
])
def test_bad_location(small, name, location, reason):
    d = small.wait_import(small.start_import("Interactions", name, location))
    assert d["status"] == "CREATE FAILED"
    assert re.search(reason, d["failureReason"]), d["failureReason"]


def test_one_bad_file_of_a_folder(small):
    """The reason names the file that is wrong, and nothing of the folder is taken."""
    small.put("folder/a.csv", made_up())
    location = small.put("folder/b.csv", HEADER + "u1,i1,view,never\n").replace("b.csv", "")
    d = small.wait_import(small.start_import("Interactions", "folder", location))
    assert d["status"] == "CREATE FAILED"
    assert re.search(r"b\.csv, line 2: TIMESTAMP", d["failureReason"]), d["failureReason"]


def test_first_import_must_be_full(small, personalize):
    group = personalize.create_dataset_group(name="virgin")["datasetGroupArn"]
    wait(personalize.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    dataset = personalize.create_dataset(name="virgin", datasetType="Interactions", datasetGroupArn=group,
                                         schemaArn=arn("schema/small-Interactions"))["datasetArn"]
    wait(personalize.describe_dataset, "dataset", datasetArn=dataset)
    assert "FULL" in refused("InvalidInputException", personalize.create_dataset_import_job, jobName="virgin", datasetArn=dataset,
                             roleArn=ROLE, importMode="INCREMENTAL", dataSource={"dataLocation": f"s3://{BUCKET}/small/first.csv"})


# ---- training and batch ------------------------------------------------------------------------------


def test_nothing_to_train_on(small, personalize):
    solution = personalize.create_solution(name="small-nothing", datasetGroupArn=small.group, performAutoTraining=False, eventType="purchase",
                                           recipeArn="arn:aws:personalize:::recipe/aws-user-personalization")["solutionArn"]
    wait(personalize.describe_solution, "solution", solutionArn=solution)
    version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    d = wait(personalize.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert d["status"] == "CREATE FAILED"
    assert "fewer than 1000 interactions after filtering by event type: purchase" in d["failureReason"]


def test_batch_requests(small, personalize):
    version = small.train("aws-sims")
    job = dict(solutionVersionArn=version, roleArn=ROLE, jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/small/in/x.json"}},
               jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/small/out/"}})
    ii = "InvalidInputException"
    assert "Invalid S3 output path" in refused(ii, personalize.create_batch_inference_job, **job | {
        "jobName": "x", "jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/small/in/x.json"}}})
    refused(ii, personalize.create_batch_inference_job, **job, jobName="x", numResults=0)
    refused(ii, personalize.create_batch_inference_job, **job, jobName="x",
            batchInferenceJobConfig={"itemExplorationConfig": {"explorationWeight": "0.5"}})
    refused("ResourceNotFoundException", personalize.create_batch_inference_job, **job, jobName="x", filterArn=arn("filter/none"))
    arn_ = personalize.create_batch_inference_job(**job, jobName="small-no-input")["batchInferenceJobArn"]
    d = wait(personalize.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=arn_)
    assert d["status"] == "CREATE FAILED"
    assert re.search(rf"Invalid S3 input path.*s3://{BUCKET}/small/in/x\.json", d["failureReason"]), d["failureReason"]
    refused("ResourceAlreadyExistsException", personalize.create_batch_inference_job, **job, jobName="small-no-input")
