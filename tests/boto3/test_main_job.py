"""The main job with boto3, on MovieLens-100k, as public notebooks walk through it."""
import json

import pytest

import checks
from conftest import ACCOUNT, BUCKET, REGION, ROLE, Flow, active


@pytest.fixture(scope="session")
def columns(movielens):
    """The genres of each film."""
    return checks.read_column(movielens.path("items.csv.gz"), "GENRES")


@pytest.fixture(scope="session")
def people(movielens):
    return sorted(checks.read_column(movielens.path("users.csv.gz"), "AGE", key="USER_ID"), key=int)


@pytest.fixture(scope="session")
def for_you(films):
    return films.train("aws-user-personalization")


def test_role_and_caller(client):
    """What notebooks do before they start."""
    assert client("sts").get_caller_identity()["Account"] == ACCOUNT
    iam = client("iam")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "personalize.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    made = iam.create_role(RoleName="NotebookRole", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/NotebookRole"
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="NotebookRole", AssumeRolePolicyDocument=json.dumps(trust))
    assert iam.get_role(RoleName="NotebookRole")["Role"]["Arn"] == made["Arn"]
    iam.attach_role_policy(RoleName="NotebookRole", PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonPersonalizeFullAccess")
    iam.put_role_policy(RoleName="NotebookRole", PolicyName="s3", PolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    iam.detach_role_policy(RoleName="NotebookRole", PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonPersonalizeFullAccess")


def test_recipes(personalize):
    names = {r["name"] for page in personalize.get_paginator("list_recipes").paginate() for r in page["recipes"]}
    assert {"aws-user-personalization", "aws-popularity-count", "aws-sims", "aws-similar-items", "aws-personalized-ranking"} <= names
    recipe = personalize.describe_recipe(recipeArn="arn:aws:personalize:::recipe/aws-sims")["recipe"]
    assert (recipe["status"], recipe["recipeType"]) == ("ACTIVE", "RELATED_ITEMS")


def test_descriptions(films, personalize, movielens):
    d = personalize.describe_dataset(datasetArn=films.datasets["Interactions"])["dataset"]
    assert d["datasetArn"] == f"arn:aws:personalize:{REGION}:{ACCOUNT}:dataset/films/INTERACTIONS"
    assert d["datasetType"] == "INTERACTIONS"
    schema = personalize.describe_schema(schemaArn=d["schemaArn"])["schema"]["schema"]
    assert schema == movielens.schema("interactions")
    jobs = personalize.list_dataset_import_jobs(datasetArn=films.datasets["Items"])["datasetImportJobs"]
    assert [(j["jobName"], j["status"]) for j in jobs] == [("films-items-import", "ACTIVE")]


def test_metrics(for_you, personalize):
    checks.check_metrics(personalize.get_solution_metrics(solutionVersionArn=for_you)["metrics"])
    solution, _, tail = for_you.rpartition("/")
    latest = personalize.describe_solution(solutionArn=solution)["solution"]["latestSolutionVersion"]
    assert latest["solutionVersionArn"] == for_you
    version = personalize.describe_solution_version(solutionVersionArn=for_you)["solutionVersion"]
    assert (version["trainingMode"], version["trainingType"]) == ("FULL", "MANUAL")
    assert version["trainingHours"] >= 0


def test_user_personalization(films, for_you, columns, people):
    lines = [{"userId": u} for u in people]
    lines[500:500] = ['{"userId": 1}', "{", '{"user":"1"}', '{"userId":"a stranger"}']
    asked, answered = films.infer("plain", for_you, lines)
    good, bad = checks.check_output(asked, answered, columns)
    assert (good, bad) == (len(people) + 1, 3)
    lists = {json.loads(a)["input"]["userId"]: json.loads(a)["output"]["recommendedItems"] for a in answered[:500]}
    assert len({tuple(v) for v in lists.values()}) > 400, "hardly anybody gets a list of their own"


def test_num_results(films, for_you, columns, people):
    asked, answered = films.infer("three", for_you, [{"userId": u} for u in people[:20]], numResults=3)
    assert checks.check_output(asked, answered, columns, results=3) == (20, 0)


def test_same_answers_again(films, for_you, people):
    lines = [{"userId": u} for u in people]
    assert films.infer("again-1", for_you, lines)[1] == films.infer("again-2", for_you, lines)[1]


def test_filter(films, for_you, columns, people, personalize):
    arn = films.filter("genre", "INCLUDE ItemID WHERE Items.GENRES IN ($GENRES)")
    kinds = ['"Comedy"', '"Sci-Fi","Horror"', '"Film-Noir"']
    lines = [{"userId": u, "filterValues": {"GENRES": kinds[n % 3]}} for n, u in enumerate(people)]
    lines.insert(3, {"userId": "1"})
    asked, answered = films.infer("genre", for_you, lines, filterArn=arn)
    assert checks.check_output(asked, answered, columns, parameter="GENRES") == (len(people), 1)
    assert "GENRES" in json.loads(answered[3])["error"]
    job = personalize.describe_batch_inference_job(
        batchInferenceJobArn=f"arn:aws:personalize:{REGION}:{ACCOUNT}:batch-inference-job/films-genre")["batchInferenceJob"]
    checks.check_described(job, {
        "jobName": "films-genre", "batchInferenceJobArn": f"arn:aws:personalize:{REGION}:{ACCOUNT}:batch-inference-job/films-genre",
        "solutionVersionArn": for_you, "filterArn": arn, "numResults": 25, "roleArn": ROLE,
        "jobInput": {"s3DataSource": {"path": f"s3://{BUCKET}/films/in/genre.json"}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/films/out/genre/"}},
        "batchInferenceJobConfig": {}, "batchInferenceJobMode": "BATCH_INFERENCE", "status": "ACTIVE"})


def test_folder_of_inputs(films, for_you, columns, people, personalize, s3):
    """Every object under the prefix is answered, beside one _CHECK."""
    for name in ("a", "b"):
        films.put(f"many/{name}.json", "\n".join(json.dumps({"userId": u}) for u in people[:10]))
    arn = personalize.create_batch_inference_job(
        jobName="films-many", solutionVersionArn=for_you, roleArn=ROLE,
        jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/films/many/"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/films/out/many/"}},
        batchInferenceJobConfig={"itemExplorationConfig": {"explorationWeight": "0"}})["batchInferenceJobArn"]
    job = active(personalize.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=arn)
    assert job["batchInferenceJobConfig"] == {"itemExplorationConfig": {"explorationWeight": "0"}}
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="films/out/many/")["Contents"]]
    assert keys == [f"films/out/many/{n}" for n in ("_CHECK", "a.json.out", "b.json.out")]
    a, b = (s3.get_object(Bucket=BUCKET, Key=k)["Body"].read() for k in keys[1:])
    assert a == b
    assert len(a.splitlines()) == 10


def test_popularity(films, columns, people):
    version = films.train("aws-popularity-count")
    _, answered = films.infer("popular", version, [{"userId": u} for u in people[:5]])
    lists = [checks.check_answer("popularity", json.loads(a), set(columns), 25, scored=False) for a in answered]
    assert all(items == lists[0] for items in lists)
    assert lists[0][0] == "50", "Star Wars (1977) has the most ratings"


@pytest.mark.parametrize("recipe", ["aws-sims", "aws-similar-items"])
def test_related_items(films, columns, recipe):
    version = films.train(recipe)
    _, answered = films.infer(recipe, version, [{"itemId": "50"}, {"itemId": "no such film"}, {"userId": "1"}])
    star_wars, unknown, wrong = map(json.loads, answered)
    got = checks.check_answer("Star Wars (1977)", star_wars, set(columns), 25, scored=False)
    assert "50" not in got
    assert {"172", "181"} <= set(got), "the other films of the trilogy are similar"
    checks.check_answer("an unknown item gets popular ones", unknown, set(columns), 25, scored=False)
    checks.check_error("a user instead of an item", wrong, '{"userId":"1"}')


def test_ranking(films, columns, people):
    version = films.train("aws-personalized-ranking")
    items = ["50", "172", "1", "300", "1682"]
    asked = [{"userId": u, "itemList": items} for u in people[:50]]
    asked += [{"userId": "1", "itemList": ["nobody knows", "50", "50", "1"]}, {"userId": "1", "itemList": []}, {"userId": "1"}]
    _, answered = films.infer("ranking", version, asked)
    answers = [json.loads(a) for a in answered]
    for n, a in enumerate(answers[:50]):
        got = checks.check_answer(f"line {n}", a, set(items), len(items))
        assert set(got) == set(items)
        assert a["input"] == asked[n]
        assert abs(sum(a["output"]["scores"]) - 1) < 1e-5
    assert len({tuple(a["output"]["recommendedItems"]) for a in answers[:50]}) > 1, "everybody gets the same order"
    mixed = answers[50]["output"]
    assert mixed["recommendedItems"][-1] == "nobody knows"
    assert sorted(mixed["recommendedItems"][:-1]) == ["1", "50"]
    for n in (51, 52):
        checks.check_error(f"line {n}", answers[n], json.dumps(asked[n]))


def test_beats_popularity(personalize, s3, movielens):
    """Precision@10 and NDCG@10 on each user's last films are 1.5 times those of popularity, or better."""
    flow = Flow(personalize, s3, "past")
    flow.dataset("Interactions", movielens.schema("interactions"))
    flow.load("Interactions", "train", flow.put("train.csv", movielens.read("split-last10/train_interactions.csv.gz")))
    unseen = flow.filter("unseen", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")')
    truth = checks.read_truth(movielens.path("split-last10/truth.csv.gz"))
    lines = [{"userId": u} for u in sorted(truth, key=int)]
    lists = {}
    for recipe, more in (("aws-user-personalization", {"batchInferenceJobConfig": {"itemExplorationConfig": {"explorationWeight": "0"}}}),
                         ("aws-popularity-count", {})):
        _, answered = flow.infer(recipe, flow.train(recipe), lines, filterArn=unseen, numResults=500, **more)
        answers = [json.loads(a) for a in answered]
        lists[recipe] = checks.unseen({a["input"]["userId"]: a["output"]["recommendedItems"] for a in answers},
                                      movielens.path("split-last10/train_interactions.csv.gz"))
    for line in checks.check_ratio(truth, lists["aws-user-personalization"], lists["aws-popularity-count"], 1.5):
        print(line)
