"""The rest of the control plane with boto3: what each operation does to what others answer."""
import re

import pytest

import planted
from conftest import ACCOUNT, BUCKET, METRICS, REGION, ROLE, Flow, active, caught, delete, made_up, plant, wait
from conftest import SCHEMA as EVENTS


def arn(resource):
    return f"arn:aws:personalize:{REGION}:{ACCOUNT}:{resource}"


def recipe(name):
    return f"arn:aws:personalize:::recipe/{name}"


def names(list_, member, key="name", **query):
    """The names in a list, in its order."""
    return [r[key] for r in list_(**query)[member]]


# ---- recipes and what they are made of ---------------------------------------------------------------


def test_parts_of_recipes(personalize):
    """Every recipe, with its algorithm and its feature transformation, can be described."""
    domains = {"aws-vod-": "VIDEO_ON_DEMAND", "aws-ecomm-": "ECOMMERCE"}
    for page in personalize.get_paginator("list_recipes").paginate(recipeProvider="SERVICE"):
        for summary in page["recipes"]:
            told = personalize.describe_recipe(recipeArn=summary["recipeArn"])["recipe"]
            assert (told["name"], told["status"]) == (summary["name"], "ACTIVE")
            algorithm = personalize.describe_algorithm(algorithmArn=told["algorithmArn"])["algorithm"]
            assert algorithm["algorithmArn"] == told["algorithmArn"]
            assert set(algorithm["defaultResourceConfig"]) == {"maxNumberOfTrainingJobs", "maxParallelTrainingJobs"}
            made = personalize.describe_feature_transformation(featureTransformationArn=told["featureTransformationArn"])["featureTransformation"]
            assert (made["featureTransformationArn"], made["status"]) == (told["featureTransformationArn"], "ACTIVE")
            assert summary.get("domain") == next((d for p, d in domains.items() if summary["name"].startswith(p)), None)
    for prefix, domain in domains.items():
        listed = [r["name"] for r in personalize.list_recipes(domain=domain, maxResults=100)["recipes"]]
        assert len(listed) == 5 and all(n.startswith(prefix) for n in listed)


def test_hyperparameters_within_ranges(personalize):
    algorithm = personalize.describe_algorithm(algorithmArn="arn:aws:personalize:::algorithm/aws-user-personalization")["algorithm"]
    ranges = {r["name"]: r for r in algorithm["defaultHyperParameterRanges"]["integerHyperParameterRanges"]}
    for name, r in ranges.items():
        assert r["minValue"] <= int(algorithm["defaultHyperParameters"][name]) <= r["maxValue"], name
    missing = personalize.exceptions.ResourceNotFoundException
    caught(missing, personalize.describe_algorithm, algorithmArn="arn:aws:personalize:::algorithm/none")
    caught(missing, personalize.describe_feature_transformation, featureTransformationArn="arn:aws:personalize:::feature-transformation/none")


# ---- data: exports, deletions, new schemas -----------------------------------------------------------


def test_exports(tastes, personalize):
    """What was imported comes back, and nothing where it came otherwise."""
    header, *rows = planted.interactions().splitlines()
    got = tastes.export("Interactions", "bulk", ingestionMode="BULK")
    assert (got[0], sorted(got[1:])) == (header, sorted(rows))
    assert sorted(tastes.export("Users", "all", ingestionMode="ALL")) == sorted(planted.users().splitlines())
    assert tastes.export("Items", "put") == ["ITEM_ID,GENRE,PRICE"], "one by one, which is what is meant by default, nothing came"
    told = personalize.describe_dataset_export_job(datasetExportJobArn=arn("dataset-export-job/tastes-put"))["datasetExportJob"]
    assert told["creationDateTime"] <= told.pop("lastUpdatedDateTime") and told.pop("creationDateTime")
    assert told == {"jobName": "tastes-put", "datasetExportJobArn": arn("dataset-export-job/tastes-put"), "datasetArn": tastes.datasets["Items"],
                    "ingestionMode": "PUT", "roleArn": ROLE, "status": "ACTIVE",
                    "jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/tastes/exports/"}}}
    jobs = personalize.list_dataset_export_jobs(datasetArn=tastes.datasets["Items"])["datasetExportJobs"]
    assert [(j["jobName"], j["status"]) for j in jobs] == [("tastes-put", "ACTIVE")]
    caught(personalize.exceptions.ResourceAlreadyExistsException, tastes.export, kind="Items", job="put")


def test_deletion_of_users(personalize, s3):
    """Who is on the list is gone from every dataset and counted; the others stay."""
    flow = plant(Flow(personalize, s3, "forget"), "interactions", "users")
    where = flow.put("list/who.csv", "USER_ID\nu7\nu8\nnobody\n")
    job = personalize.create_data_deletion_job(jobName="forget", datasetGroupArn=flow.group, roleArn=ROLE, dataSource={"dataLocation": where})["dataDeletionJobArn"]
    d = wait(personalize.describe_data_deletion_job, "dataDeletionJob", dataDeletionJobArn=job)
    assert (d["status"], d["numDeleted"]) == ("COMPLETED", 2 * planted.TAKEN + 2), d
    assert (d["datasetGroupArn"], d["dataSource"]) == (flow.group, {"dataLocation": where})
    for kind, table in (("Interactions", planted.interactions()), ("Users", planted.users())):
        kept = [row for row in table.splitlines() if row.split(",")[0] not in ("u7", "u8")]
        assert sorted(flow.export(kind, f"left-{kind}", ingestionMode="ALL")) == sorted(kept)
    lost = personalize.create_data_deletion_job(jobName="forget-nothing", datasetGroupArn=flow.group, roleArn=ROLE,
                                                dataSource={"dataLocation": f"s3://{BUCKET}/forget/none.csv"})["dataDeletionJobArn"]
    d = wait(personalize.describe_data_deletion_job, "dataDeletionJob", dataDeletionJobArn=lost)
    assert d["status"] == "FAILED" and "none.csv" in d["failureReason"], d
    listed = personalize.list_data_deletion_jobs(datasetGroupArn=flow.group)["dataDeletionJobs"]
    assert [(j["jobName"], j["status"]) for j in listed] == [("forget-nothing", "FAILED"), ("forget", "COMPLETED")]


def test_new_schema(personalize, s3):
    """A schema with one column more replaces the old one; a filter can use the column, and one with less is refused."""
    flow = plant(Flow(personalize, s3, "wider"), "items")
    items = flow.datasets["Items"]
    wider = personalize.create_schema(name="wider", schema=planted.schema("Items", "ITEM_ID:string", "GENRE:string*", "PRICE:int", "YEAR:int?"))["schemaArn"]
    fewer = personalize.create_schema(name="fewer", schema=planted.schema("Items", "ITEM_ID:string", "GENRE:string*"))["schemaArn"]
    wrong = personalize.exceptions.InvalidInputException
    assert "YEAR" in caught(wrong, personalize.create_filter, name="old", datasetGroupArn=flow.group, filterExpression="INCLUDE ItemID WHERE Items.YEAR < 1990")
    assert "PRICE" in caught(wrong, personalize.update_dataset, datasetArn=items, schemaArn=fewer)
    assert personalize.update_dataset(datasetArn=items, schemaArn=wider)["datasetArn"] == items
    d = wait(personalize.describe_dataset, "dataset", until=lambda d: d["latestDatasetUpdate"]["status"] == "ACTIVE", datasetArn=items)
    assert d["schemaArn"] == d["latestDatasetUpdate"]["schemaArn"] == wider
    flow.filter("old", "INCLUDE ItemID WHERE Items.YEAR < 1990")
    exported = flow.export("Items", "wider", ingestionMode="ALL")
    assert exported[0] == "ITEM_ID,GENRE,PRICE,YEAR"
    assert sorted(exported[1:]) == sorted(row + "," for row in planted.items().splitlines()[1:])
    assert "wider" in caught(personalize.exceptions.ResourceInUseException, personalize.delete_schema, schemaArn=wider)


# ---- solutions ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def events(personalize, s3):
    """A dataset group with interactions alone, in which solutions are made and trained."""
    flow = Flow(personalize, s3, "events")
    flow.dataset("Interactions", EVENTS)
    flow.load("Interactions", "first", flow.put("first.csv", made_up()))
    return flow


def test_solution_is_updated(events, personalize):
    config = {"autoTrainingConfig": {"schedulingExpression": "rate(3 days)"}, "algorithmHyperParameters": {"hidden_dimension": "40"}}
    solution = personalize.create_solution(name="updated", datasetGroupArn=events.group, recipeArn=recipe("aws-user-personalization"),
                                           solutionConfig=config)["solutionArn"]
    d = active(personalize.describe_solution, "solution", solutionArn=solution)
    assert (d["performAutoTraining"], d["solutionConfig"]) == (True, config)
    assert "latestSolutionUpdate" not in d
    changed = {"autoTrainingConfig": {"schedulingExpression": "rate(1 day)"}}
    personalize.update_solution(solutionArn=solution, performAutoTraining=False, solutionUpdateConfig=changed)
    d = wait(personalize.describe_solution, "solution", until=lambda d: d["latestSolutionUpdate"]["status"] == "ACTIVE", solutionArn=solution)
    assert d["performAutoTraining"] is False
    assert d["solutionConfig"] == config | changed
    assert d["latestSolutionUpdate"]["solutionUpdateConfig"] == changed
    assert "rate(0 days)" in caught(personalize.exceptions.InvalidInputException, personalize.update_solution, solutionArn=solution,
                                    solutionUpdateConfig={"autoTrainingConfig": {"schedulingExpression": "rate(0 days)"}})
    assert "updated" in names(personalize.list_solutions, "solutions", datasetGroupArn=events.group)


def test_training_is_stopped(events, personalize):
    """A training that is told to stop has no model; those before it have theirs."""
    in_use = personalize.exceptions.ResourceInUseException
    solution = personalize.create_solution(name="stopped", datasetGroupArn=events.group, performAutoTraining=False,
                                           recipeArn=recipe("aws-user-personalization"))["solutionArn"]
    active(personalize.describe_solution, "solution", solutionArn=solution)
    others = [personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"] for _ in range(3)]
    version = personalize.create_solution_version(solutionArn=solution, name="last")["solutionVersionArn"]
    personalize.stop_solution_version_creation(solutionVersionArn=version)
    d = wait(personalize.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert (d["status"], d["name"]) == ("CREATE STOPPED", "last")
    assert "CREATE STOPPED" in caught(in_use, personalize.get_solution_metrics, solutionVersionArn=version)
    caught(in_use, personalize.stop_solution_version_creation, solutionVersionArn=version)
    for other in others:
        active(personalize.describe_solution_version, "solutionVersion", solutionVersionArn=other)
    listed = personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
    assert {v["solutionVersionArn"]: v["status"] for v in listed} == dict.fromkeys(others, "ACTIVE") | {version: "CREATE STOPPED"}
    updated = personalize.create_solution_version(solutionArn=solution, trainingMode="UPDATE")["solutionVersionArn"]
    d = active(personalize.describe_solution_version, "solutionVersion", solutionVersionArn=updated)
    assert d["trainingMode"] == "UPDATE"


# ---- campaigns ---------------------------------------------------------------------------------------


def test_campaign(events, personalize):
    """A campaign follows its solution, is changed, keeps the solution from being deleted, and goes."""
    version = events.train("aws-popularity-count")
    solution = version.rpartition("/")[0]
    follow = {"syncWithLatestSolutionVersion": True}
    campaign = personalize.create_campaign(name="home", solutionVersionArn=f"{solution}/$LATEST", minProvisionedTPS=2, campaignConfig=follow,
                                           tags=[{"tagKey": "team", "tagValue": "web"}])["campaignArn"]
    d = active(personalize.describe_campaign, "campaign", campaignArn=campaign)
    assert (d["solutionVersionArn"], d["minProvisionedTPS"], d["campaignConfig"]) == (version, 2, follow)
    newer = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    active(personalize.describe_solution_version, "solutionVersion", solutionVersionArn=newer)
    wait(personalize.describe_campaign, "campaign", campaignArn=campaign,
         until=lambda d: d["solutionVersionArn"] == newer and d["latestCampaignUpdate"]["status"] == "ACTIVE")
    still = {"syncWithLatestSolutionVersion": False}
    personalize.update_campaign(campaignArn=campaign, solutionVersionArn=version, minProvisionedTPS=5, campaignConfig=still)
    d = wait(personalize.describe_campaign, "campaign", campaignArn=campaign,
             until=lambda d: d["latestCampaignUpdate"]["minProvisionedTPS"] == 5 and d["latestCampaignUpdate"]["status"] == "ACTIVE")
    assert (d["solutionVersionArn"], d["minProvisionedTPS"], d["campaignConfig"]) == (version, 5, still)
    assert names(personalize.list_campaigns, "campaigns", solutionArn=solution) == ["home"]
    assert "home" in caught(personalize.exceptions.ResourceInUseException, personalize.delete_solution, solutionArn=solution)
    delete(personalize, "campaign", campaignArn=campaign)
    assert names(personalize.list_campaigns, "campaigns", solutionArn=solution) == []
    delete(personalize, "solution", solutionArn=solution)
    caught(personalize.exceptions.ResourceNotFoundException, personalize.describe_solution_version, solutionVersionArn=version)


# ---- domains: recommenders, event trackers, metric attributions ----------------------------------------


@pytest.fixture(scope="module")
def shop(personalize, s3):
    """A dataset group of an online shop, with schemas of its domain."""
    flow = Flow(personalize, s3, "shop", domain="ECOMMERCE")
    flow.dataset("Interactions", EVENTS, domain="ECOMMERCE")
    flow.dataset("Items", planted.schema("Items", "ITEM_ID:string", "PRICE:float", "CATEGORY_L1:string*"), domain="ECOMMERCE")
    flow.load("Interactions", "events", flow.put("events.csv", made_up()))
    return flow


def test_domain_schemas(shop, personalize):
    assert personalize.describe_dataset_group(datasetGroupArn=shop.group)["datasetGroup"]["domain"] == "ECOMMERCE"
    told = personalize.describe_schema(schemaArn=arn("schema/shop-Items"))["schema"]
    assert told["domain"] == "ECOMMERCE"
    wrong = personalize.exceptions.InvalidInputException
    assert "PRICE" in caught(wrong, personalize.create_schema, name="x", domain="ECOMMERCE", schema=planted.schema("Items", "ITEM_ID:string", "CATEGORY_L1:string*"))
    assert "GENRES" in caught(wrong, personalize.create_schema, name="x", domain="VIDEO_ON_DEMAND",
                              schema=planted.schema("Items", "ITEM_ID:string", "CREATION_TIMESTAMP:long"))


def test_recommender(shop, personalize):
    ex = personalize.exceptions
    config = {"minRecommendationRequestsPerSecond": 2, "itemExplorationConfig": {"explorationWeight": "0.2", "explorationItemAgeCutOff": "10"}}
    make = dict(name="for-you", datasetGroupArn=shop.group, recipeArn=recipe("aws-ecomm-recommended-for-you"))
    assert "VIDEO_ON_DEMAND" in caught(ex.InvalidInputException, personalize.create_recommender, **make | {"recipeArn": recipe("aws-vod-top-picks")})
    it = {"recommenderArn": personalize.create_recommender(**make, recommenderConfig=config)["recommenderArn"]}
    d = active(personalize.describe_recommender, "recommender", **it)
    assert (d["recommenderConfig"], d["recipeArn"], d["datasetGroupArn"]) == (config, make["recipeArn"], shop.group)
    assert names(personalize.list_recommenders, "recommenders", datasetGroupArn=shop.group) == ["for-you"]
    caught(ex.ResourceInUseException, personalize.start_recommender, **it)
    personalize.stop_recommender(**it)
    assert wait(personalize.describe_recommender, "recommender", **it)["status"] == "INACTIVE"
    caught(ex.ResourceInUseException, personalize.stop_recommender, **it)
    personalize.start_recommender(**it)
    active(personalize.describe_recommender, "recommender", **it)
    changed = {"minRecommendationRequestsPerSecond": 3, "enableMetadataWithRecommendations": True}
    personalize.update_recommender(**it, recommenderConfig=changed)
    d = wait(personalize.describe_recommender, "recommender", until=lambda d: d["status"] == d["latestRecommenderUpdate"]["status"] == "ACTIVE", **it)
    assert d["recommenderConfig"] == d["latestRecommenderUpdate"]["recommenderConfig"] == changed
    delete(personalize, "recommender", **it)
    assert names(personalize.list_recommenders, "recommenders", datasetGroupArn=shop.group) == []


def test_event_tracker(personalize, s3):
    """A tracker brings a dataset for its events, which stays when the tracker goes."""
    flow = Flow(personalize, s3, "tracked", domain="VIDEO_ON_DEMAND")
    made = personalize.create_event_tracker(name="clicks", datasetGroupArn=flow.group)
    it = {"eventTrackerArn": made["eventTrackerArn"]}
    d = active(personalize.describe_event_tracker, "eventTracker", **it)
    assert (d["trackingId"], d["accountId"], d["name"]) == (made["trackingId"], ACCOUNT, "clicks")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", d["trackingId"])
    assert names(personalize.list_event_trackers, "eventTrackers", datasetGroupArn=flow.group) == ["clicks"]
    brought = names(personalize.list_datasets, "datasets", "datasetType", datasetGroupArn=flow.group)
    assert brought == ["INTERACTIONS"]
    ex = personalize.exceptions
    assert "one event tracker" in caught(ex.ResourceAlreadyExistsException, personalize.create_event_tracker, name="more", datasetGroupArn=flow.group)
    assert "event tracker" in caught(ex.ResourceInUseException, personalize.delete_dataset_group, datasetGroupArn=flow.group)
    delete(personalize, "event_tracker", **it)
    assert names(personalize.list_event_trackers, "eventTrackers", datasetGroupArn=flow.group) == []
    assert names(personalize.list_datasets, "datasets", "datasetType", datasetGroupArn=flow.group) == brought


def metric(name, event="View", expression="SAMPLECOUNT()"):
    return {"metricName": name, "eventType": event, "expression": expression}


def test_metric_attribution(shop, personalize):
    ex = personalize.exceptions
    to = {"roleArn": ROLE, "s3DataDestination": {"path": f"s3://{BUCKET}/shop/metrics/"}}
    views, revenue = metric("views"), metric("revenue", "Purchase", "SUM(Items.PRICE)")
    make = dict(name="kpis", datasetGroupArn=shop.group, metricsOutputConfig=to)
    assert "MARGIN" in caught(ex.InvalidInputException, personalize.create_metric_attribution, **make, metrics=[metric("m", expression="SUM(Items.MARGIN)")])
    said = caught(ex.LimitExceededException, personalize.create_metric_attribution, **make, metrics=[metric(f"m{n}") for n in range(METRICS + 1)])
    assert f"at most {METRICS}" in said and "--quota metrics=N" in said, "the quota names itself and how it is changed"
    it = {"metricAttributionArn": personalize.create_metric_attribution(**make, metrics=[views, revenue])["metricAttributionArn"]}
    d = active(personalize.describe_metric_attribution, "metricAttribution", **it)
    assert (d["metricsOutputConfig"], d["datasetGroupArn"]) == (to, shop.group)
    listed = personalize.list_metric_attribution_metrics
    assert listed(**it)["metrics"] == [views, revenue]
    clicks = metric("clicks", "Click")
    elsewhere = {"roleArn": ROLE}
    personalize.update_metric_attribution(**it, addMetrics=[clicks], removeMetrics=["views"], metricsOutputConfig=elsewhere)
    active(personalize.describe_metric_attribution, "metricAttribution", **it)
    assert listed(**it)["metrics"] == [revenue, clicks]
    assert personalize.describe_metric_attribution(**it)["metricAttribution"]["metricsOutputConfig"] == elsewhere
    said = caught(ex.InvalidInputException, personalize.update_metric_attribution, **it, addMetrics=[metric(f"m{n}") for n in range(METRICS - 1)])
    assert f"at most {METRICS}" in said
    assert listed(**it)["metrics"] == [revenue, clicks], "nothing of what was refused was added"
    assert names(personalize.list_metric_attributions, "metricAttributions", datasetGroupArn=shop.group) == ["kpis"]
    delete(personalize, "metric_attribution", **it)
    assert names(personalize.list_metric_attributions, "metricAttributions", datasetGroupArn=shop.group) == []


# ---- tags --------------------------------------------------------------------------------------------


def test_tags(events, personalize):
    def tags():
        return {t["tagKey"]: t["tagValue"] for t in personalize.list_tags_for_resource(resourceArn=events.group)["tags"]}

    def tag(**more):
        personalize.tag_resource(resourceArn=events.group, tags=[{"tagKey": k, "tagValue": v} for k, v in more.items()])

    tag(team="a", env="")
    tag(team="b")
    assert tags() == {"team": "b", "env": ""}
    personalize.untag_resource(resourceArn=events.group, tagKeys=["env", "never"])
    assert tags() == {"team": "b"}
    ex = personalize.exceptions
    caught(ex.TooManyTagsException, tag, **{f"k{n}": "" for n in range(50)})
    assert tags() == {"team": "b"}
    caught(ex.TooManyTagKeysException, personalize.untag_resource, resourceArn=events.group, tagKeys=[f"k{n}" for n in range(51)])
    assert "reserved" in caught(ex.InvalidInputException, tag, **{"aws:x": "y"})
    caught(ex.InvalidInputException, personalize.tag_resource, resourceArn=arn("schema/events-Interactions"), tags=[{"tagKey": "a", "tagValue": "b"}])
    personalize.untag_resource(resourceArn=events.group, tagKeys=["team"])
    assert tags() == {}


# ---- lists -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def several(events, personalize, s3):
    """Two resources at least of every kind that is listed, and the query that lists them."""
    solution = events.train("aws-sims").rpartition("/")[0]
    version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    active(personalize.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    where = events.put("in/pages.json", '{"itemId": "i1"}')
    groups = [events.group]
    for n in (1, 2):
        personalize.create_campaign(name=f"page-{n}", solutionVersionArn=version)
        personalize.create_batch_inference_job(
            jobName=f"page-{n}", solutionVersionArn=version, roleArn=ROLE, jobInput={"s3DataSource": {"path": where}},
            jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/events/out/page-{n}/"}})
        flow = Flow(personalize, s3, f"page-{n}", domain="ECOMMERCE")
        flow.dataset("Interactions", EVENTS, domain="ECOMMERCE")
        flow.load("Interactions", "events", flow.put("events.csv", made_up()))
        flow.filter("f", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")')
        flow.export("Interactions", "e")
        personalize.create_recommender(name=f"page-{n}", datasetGroupArn=flow.group, recipeArn=recipe("aws-ecomm-recommended-for-you"))
        personalize.create_event_tracker(name=f"page-{n}", datasetGroupArn=flow.group)
        attribution = personalize.create_metric_attribution(name=f"page-{n}", datasetGroupArn=flow.group, metricsOutputConfig={"roleArn": ROLE},
                                                            metrics=[metric("a"), metric("b")])["metricAttributionArn"]
        groups.append(flow.group)
    segments = plant(Flow(personalize, s3, "pages"), "interactions")
    fans = segments.train("aws-item-affinity")
    for n in (1, 2):
        segments.segment(f"page-{n}", fans, [{"itemId": "i1"}])
    return {"list_solution_versions": {"solutionArn": solution}, "list_metric_attribution_metrics": {"metricAttributionArn": attribution}}


def test_pages(several, personalize):
    """Pages of one are the same as one page of all, in every list that the SDK pages through."""
    lists = [o for o in dir(personalize) if o.startswith("list_") and personalize.can_paginate(o)]
    assert len(lists) == 16, lists
    for operation in lists:
        query = several.get(operation, {})
        whole = getattr(personalize, operation)(**query, maxResults=100)
        [member] = [m for m in whole if m not in ("ResponseMetadata", "nextToken")]
        pages = list(personalize.get_paginator(operation).paginate(**query, PaginationConfig={"PageSize": 1}))
        assert len(whole[member]) >= 2, operation
        assert [r for p in pages for r in p[member]] == whole[member], operation
        assert all(len(p[member]) == 1 for p in pages if "nextToken" in p), operation
        caught(personalize.exceptions.InvalidNextTokenException, getattr(personalize, operation), **query, nextToken="forged")


# ---- taking down -------------------------------------------------------------------------------------


def test_taking_down(personalize, s3):
    """What others need goes last."""
    in_use = personalize.exceptions.ResourceInUseException
    flow = Flow(personalize, s3, "brief")
    flow.dataset("Interactions", EVENTS)
    filter_arn = flow.filter("f", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")')
    solution = personalize.create_solution(name="brief", datasetGroupArn=flow.group, recipeArn=recipe("aws-sims"), performAutoTraining=False)["solutionArn"]
    active(personalize.describe_solution, "solution", solutionArn=solution)
    schema = {"schemaArn": arn("schema/brief-Interactions")}
    assert "still has" in caught(in_use, personalize.delete_dataset_group, datasetGroupArn=flow.group)
    caught(in_use, personalize.delete_schema, **schema)
    delete(personalize, "filter", filterArn=filter_arn)
    delete(personalize, "solution", solutionArn=solution)
    delete(personalize, "dataset", datasetArn=flow.datasets["Interactions"])
    delete(personalize, "schema", **schema)
    delete(personalize, "dataset_group", datasetGroupArn=flow.group)
    assert flow.group not in names(personalize.list_dataset_groups, "datasetGroups", "datasetGroupArn", maxResults=100)
    caught(personalize.exceptions.ResourceNotFoundException, personalize.delete_dataset_group, datasetGroupArn=flow.group)
