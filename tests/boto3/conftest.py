"""A Kindred of its own for the tests, started as anybody would start it.

KINDRED_BIN names the binary to test; without it, it is built from this checkout with go. Everything is on
the loopback interface and in pytest's temporary folder.
"""
import gzip
import json
import os
import pathlib
import queue
import shutil
import subprocess
import threading
import time

import boto3
import pytest
from botocore.config import Config

import planted

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("KINDRED_TESTDATA", ROOT.parent / "shared" / "data"))
KEY, SECRET, REGION, ACCOUNT = "PYTESTKEY", "pytest-secret", "us-east-1", "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/PersonalizeRole"
BUCKET = "notebook"
METRICS = 3  # so many a metric attribution may have; the other quotas are as they are by default


@pytest.fixture(scope="session")
def binary(tmp_path_factory):
    """The program under test."""
    given = os.environ.get("KINDRED_BIN")
    if given:
        return given
    if shutil.which("go") is None:
        pytest.fail("neither KINDRED_BIN is set nor is there a go command to build it with")
    path = tmp_path_factory.mktemp("bin") / "kindred"
    subprocess.run(["go", "build", "-o", str(path), "./cmd/kindred"], cwd=ROOT, check=True)
    return str(path)


@pytest.fixture(scope="session")
def endpoint(binary, tmp_path_factory):
    """The address of a running server; it must end well when the tests do."""
    folder = tmp_path_factory.mktemp("kindred")
    env = dict(os.environ, KINDRED_ACCESS_KEY_ID=KEY, KINDRED_SECRET_ACCESS_KEY=SECRET)
    log = open(folder / "log", "w")
    server = subprocess.Popen([binary, "serve", "--data", str(folder / "data"), "--listen", "127.0.0.1:0", "--quota", f"metrics={METRICS}"],
                              env=env, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield ready_url(server, folder / "log")
        server.terminate()
        assert server.wait(30) == 0, (folder / "log").read_text()[-2000:]
        if record := os.environ.get("KINDRED_RECORD"):  # only whole runs are told to
            subprocess.run([str(ROOT / "scripts" / "clients.sh"), "boto3", str(folder / "log"), record], check=True)
    finally:
        server.kill()
        server.wait()
        log.close()


def ready_url(server, log):
    lines = queue.Queue()
    threading.Thread(target=lambda: lines.put(server.stdout.readline()), daemon=True).start()
    try:
        line = lines.get(timeout=60)
    except queue.Empty:
        line = "nothing for 60 s"
    assert line.startswith("ready http://127.0.0.1:"), f"first line on standard output: {line!r}\n{log.read_text()[-2000:]}"
    return line.split()[1]


@pytest.fixture(scope="session")
def client(endpoint):
    """Makes clients as notebooks do; AWS_ENDPOINT_URL is the only setting they need."""
    session = boto3.session.Session(aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name=REGION)

    def make(service, secret=SECRET, key=KEY):
        old = os.environ.get("AWS_ENDPOINT_URL")
        os.environ["AWS_ENDPOINT_URL"] = endpoint
        try:
            return session.client(service, aws_access_key_id=key, aws_secret_access_key=secret, config=Config(proxies={}))
        finally:
            os.environ.pop("AWS_ENDPOINT_URL")
            if old is not None:
                os.environ["AWS_ENDPOINT_URL"] = old

    return make


@pytest.fixture(scope="session")
def personalize(client):
    return client("personalize")


@pytest.fixture(scope="session")
def s3(client):
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET)
    return s3


class Data:
    """MovieLens-100k."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return str(self.folder / name)

    def read(self, name):
        with gzip.open(self.folder / name) as f:
            return f.read()

    def schema(self, kind):
        return (self.folder / f"{kind}.schema.json").read_text()


@pytest.fixture(scope="session")
def movielens():
    folder = DATA / "movielens-100k"
    if not (folder / "interactions.csv.gz").exists():
        message = f"there is no {folder}/interactions.csv.gz; set KINDRED_TESTDATA to the folder that holds movielens-100k"
        if os.environ.get("KINDRED_TESTDATA") or os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return Data(folder)


SETTLED = {"ACTIVE", "CREATE FAILED", "CREATE STOPPED", "INACTIVE", "COMPLETED", "FAILED"}


def wait(describe, member, until=None, **arn):
    """Polls until a resource is settled, as the public notebooks do, and returns its description.

    until is another condition on the description, for what begins settled.
    """
    until = until or (lambda d: d["status"] in SETTLED)
    max_time = time.time() + 5 * 60
    while time.time() < max_time:
        description = describe(**arn)[member]
        if until(description):
            return description
        time.sleep(0.1)
    pytest.fail(f"{arn} is {description['status']} after 5 minutes")


def active(describe, member, **arn):
    """Waits until a resource is ACTIVE and returns its description."""
    d = wait(describe, member, **arn)
    assert d["status"] == "ACTIVE", d.get("failureReason")
    return d


def caught(exception, call, **arguments):
    """The call raises this class of a client's exceptions; returns the sentence."""
    with pytest.raises(exception) as e:
        call(**arguments)
    return e.value.response["Error"]["Message"]


def delete(client, kind, **arn):
    """Deletes a resource and polls until it is gone."""
    getattr(client, f"delete_{kind}")(**arn)
    max_time = time.time() + 60
    while time.time() < max_time:
        try:
            getattr(client, f"describe_{kind}")(**arn)
        except client.exceptions.ResourceNotFoundException:
            return
        time.sleep(0.05)
    pytest.fail(f"{arn} is still there after a minute")


class Flow:
    """A dataset group and what is made in it, step by step as in a notebook."""

    def __init__(self, personalize, s3, name, **more):
        self.api, self.s3, self.name, self.datasets = personalize, s3, name, {}
        self.group = personalize.create_dataset_group(name=name, **more)["datasetGroupArn"]
        active(personalize.describe_dataset_group, "datasetGroup", datasetGroupArn=self.group)

    def dataset(self, kind, schema, **more):
        schema_arn = self.api.create_schema(name=f"{self.name}-{kind}", schema=schema, **more)["schemaArn"]
        arn = self.api.create_dataset(name=f"{self.name}-{kind}", schemaArn=schema_arn, datasetGroupArn=self.group,
                                      datasetType=kind)["datasetArn"]
        active(self.api.describe_dataset, "dataset", datasetArn=arn)
        self.datasets[kind] = arn
        return arn

    def put(self, key, body):
        self.s3.put_object(Bucket=BUCKET, Key=f"{self.name}/{key}", Body=body)
        return f"s3://{BUCKET}/{self.name}/{key}"

    def start_import(self, kind, job, location, **more):
        return self.api.create_dataset_import_job(jobName=f"{self.name}-{job}", datasetArn=self.datasets[kind], roleArn=ROLE,
                                                  dataSource={"dataLocation": location}, **more)["datasetImportJobArn"]

    def wait_import(self, arn):
        return wait(self.api.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=arn)

    def load(self, kind, job, location, **more):
        d = self.wait_import(self.start_import(kind, job, location, **more))
        assert d["status"] == "ACTIVE", d.get("failureReason")
        return d

    def train(self, recipe, name=None, **more):
        name = name or f"{self.name}-{recipe}"
        solution = self.api.create_solution(name=name, datasetGroupArn=self.group, performAutoTraining=False,
                                            recipeArn=f"arn:aws:personalize:::recipe/{recipe}", **more)["solutionArn"]
        active(self.api.describe_solution, "solution", solutionArn=solution)
        version = self.api.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        active(self.api.describe_solution_version, "solutionVersion", solutionVersionArn=version)
        return version

    def filter(self, name, expression):
        arn = self.api.create_filter(name=f"{self.name}-{name}", datasetGroupArn=self.group, filterExpression=expression)["filterArn"]
        active(self.api.describe_filter, "filter", filterArn=arn)
        return arn

    def infer(self, job, version, lines, **more):
        """Runs a batch inference job over lines, objects or text, and returns (input, output) as text lines."""
        asked = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        where = self.put(f"in/{job}.json", "\n".join(asked).encode())
        arn = self.api.create_batch_inference_job(
            jobName=f"{self.name}-{job}", solutionVersionArn=version, roleArn=ROLE,
            jobInput={"s3DataSource": {"path": where}},
            jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/{self.name}/out/{job}/"}}, **more)["batchInferenceJobArn"]
        active(self.api.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=arn)
        return asked, self.get(f"out/{job}/{job}.json.out").splitlines()


    def segment(self, job, version, lines, **more):
        """Runs a batch segment job over lines, objects, and returns (input, output) as text lines."""
        asked = [json.dumps(line) for line in lines]
        arn = self.api.create_batch_segment_job(
            jobName=f"{self.name}-{job}", solutionVersionArn=version, roleArn=ROLE,
            jobInput={"s3DataSource": {"path": self.put(f"in/{job}.json", "\n".join(asked))}},
            jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/{self.name}/out/{job}/"}}, **more)["batchSegmentJobArn"]
        active(self.api.describe_batch_segment_job, "batchSegmentJob", batchSegmentJobArn=arn)
        return asked, self.get(f"out/{job}/{job}.json.out").splitlines()

    def get(self, key):
        return self.s3.get_object(Bucket=BUCKET, Key=f"{self.name}/{key}")["Body"].read().decode()

    def export(self, kind, job, **more):
        """Exports a dataset and returns its lines, the header first."""
        arn = self.api.create_dataset_export_job(
            jobName=f"{self.name}-{job}", datasetArn=self.datasets[kind], roleArn=ROLE,
            jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/{self.name}/exports/"}}, **more)["datasetExportJobArn"]
        active(self.api.describe_dataset_export_job, "datasetExportJob", datasetExportJobArn=arn)
        return self.get(f"exports/{self.name}-{job}/part-00000.csv").splitlines()


@pytest.fixture(scope="session")
def films(personalize, s3, movielens):
    """MovieLens-100k, imported."""
    flow = Flow(personalize, s3, "films")
    for kind, name in (("Interactions", "interactions"), ("Items", "items"), ("Users", "users")):
        flow.dataset(kind, movielens.schema(name))
        flow.load(kind, f"{name}-import", flow.put(f"{name}.csv", movielens.read(f"{name}.csv.gz")))
    return flow


def made_up(rows=1200, users=40, items=30, start=0):
    """Interactions as CSV: users like items of their own parity."""
    lines = ["USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP"]
    for n in range(rows):
        user = n % users
        item = (2 * (n // users * 7 + user) + user % 2) % items
        lines.append(f"u{user},i{item},view,{1700000000 + start + 60 * n}")
    return "\n".join(lines) + "\n"


SCHEMA = json.dumps({
    "type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
    "fields": [{"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
               {"name": "EVENT_TYPE", "type": "string"}, {"name": "TIMESTAMP", "type": "long"}]})


@pytest.fixture(scope="session")
def small(personalize, s3):
    """A dataset group with a few made-up interactions, for what goes wrong."""
    flow = Flow(personalize, s3, "small")
    flow.dataset("Interactions", SCHEMA)
    flow.load("Interactions", "first", flow.put("first.csv", made_up()))
    return flow


@pytest.fixture(scope="session")
def tastes(personalize, s3):
    """The world of planted.py, imported."""
    return plant(Flow(personalize, s3, "tastes"), "interactions", "items", "users")


def plant(flow, *tables):
    """Imports tables of the planted world into a flow's dataset group."""
    jobs = []
    for table in tables:
        flow.dataset(table.title(), planted.SCHEMAS[table])
        jobs.append(flow.start_import(table.title(), table, flow.put(f"{table}.csv", planted.TABLES[table]())))
    for job in jobs:
        assert flow.wait_import(job)["status"] == "ACTIVE"
    return flow
