// The rest of the control plane with the AWS SDK for JavaScript v3: what each operation does to what others answer.
import assert from "node:assert/strict";
import { before, test } from "node:test";

import * as personalize from "@aws-sdk/client-personalize";

import {
  account, active, api, arn, bucket, call, create, data, describe, eventSchema, interactions, itemSchema, items, parity, recipe, refused, remove, role, schema,
  settled, trained, until,
} from "./client.js";

let store, group, events, things;

/** A dataset group with interactions and items, which every test reads. */
before(async () => {
  store = await bucket("control-plane");
  group = await create("DatasetGroup", { name: "control" });
  events = await data(store, "control", group, "Interactions", eventSchema, interactions());
  things = await data(store, "control", group, "Items", itemSchema, items());
});

/** listed returns what one page of a list gives; the SDK's paginator must give the same, one on a page. */
async function listed(noun, input = {}, ours = () => true) {
  const { nextToken, ...answer } = await call(`List${noun}`, { ...input, maxResults: 100 });
  assert.equal(nextToken, undefined, `List${noun} has more than a page`);
  const [[member, whole]] = Object.entries(answer);
  const paged = [];
  for await (const page of personalize[`paginateList${noun}`]({ client: api, pageSize: 1 }, input)) {
    assert.ok(page[member].length <= 1, `a page of List${noun} has ${page[member].length}`);
    paged.push(...page[member]);
  }
  assert.deepEqual(paged.filter(ours), whole.filter(ours), `List${noun}`);
  await refused("InvalidNextTokenException", /token/, `List${noun}`, { ...input, nextToken: "forged" });
  return whole.filter(ours);
}

/** ours tells what this file made from what another does at the same time. */
const ours = (r) => r.name.startsWith("control");

/** job starts a job on lines, waits for it and returns its ARN and its output lines. */
async function job(noun, name, lines, input) {
  const path = await store.put(`in/${name}.json`, lines.map((l) => JSON.stringify(l)).join("\n"));
  const made = await create(noun, {
    jobName: name, roleArn: role, jobInput: { s3DataSource: { path } }, jobOutput: { s3DataDestination: { path: store.at(`out/${name}/`) } }, ...input,
  });
  return { made, answers: (await store.lines(`out/${name}/${name}.json.out`)).map((l) => JSON.parse(l)) };
}

test("algorithms and feature transformations of recipes", async () => {
  for (const r of await listed("Recipes", { recipeProvider: "SERVICE" })) {
    const told = await describe("Recipe", r.recipeArn);
    assert.equal((await describe("Algorithm", told.algorithmArn)).algorithmArn, told.algorithmArn);
    assert.equal((await describe("FeatureTransformation", told.featureTransformationArn)).status, "ACTIVE");
  }
  await refused("ResourceNotFoundException", /none/, "DescribeAlgorithm", { algorithmArn: "arn:aws:personalize:::algorithm/none" });
});

test("segments for items and for attributes", async () => {
  /** of checks that ten users are of the parity that the line asks for, but for one. */
  const of = (answer, wanted) => {
    assert.equal(answer.error, null);
    assert.equal(new Set(answer.output.usersList).size, 10);
    const others = answer.output.usersList.filter((u) => parity(u) !== wanted);
    assert.ok(others.length <= 1, `${JSON.stringify(answer.input)} is answered with ${answer.output.usersList}`);
  };
  const { version } = await trained("control-fans", group, "aws-item-affinity");
  const lines = [{ itemId: "i2" }, { itemId: "i3" }, { itemId: "never" }];
  const { made, answers } = await job("BatchSegmentJob", "control-fans-1", lines, { solutionVersionArn: version, numResults: 10 });
  assert.deepEqual(answers.map((a) => a.input), lines);
  for (const a of answers.slice(0, 2)) of(a, parity(a.input.itemId));
  assert.match(answers[2].error, /never/);
  const { creationDateTime, lastUpdatedDateTime, ...told } = await describe("BatchSegmentJob", made);
  assert.ok(creationDateTime <= lastUpdatedDateTime);
  assert.deepEqual(told, {
    jobName: "control-fans-1", batchSegmentJobArn: made, solutionVersionArn: version, numResults: 10, roleArn: role, status: "ACTIVE",
    jobInput: { s3DataSource: { path: store.at("in/control-fans-1.json") } }, jobOutput: { s3DataDestination: { path: store.at("out/control-fans-1/") } },
  });
  const filterArn = await create("Filter", {
    name: "control-idle", datasetGroupArn: group, filterExpression: 'EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("view")',
  });
  const none = await job("BatchSegmentJob", "control-fans-2", [{ itemId: "i2" }], { solutionVersionArn: version, filterArn });
  assert.deepEqual(none.answers[0].output.usersList, [], "everybody has viewed something");
  assert.deepEqual((await listed("BatchSegmentJobs", { solutionVersionArn: version })).map((j) => j.jobName), ["control-fans-2", "control-fans-1"]);

  const tastes = await trained("control-tastes", group, "aws-item-attribute-affinity");
  const asked = ["even", "odd"].map((p) => ({ itemAttributes: `ITEMS.PARITY = "${p}"` }));
  const found = await job("BatchSegmentJob", "control-tastes", asked, { solutionVersionArn: tastes.version, numResults: 10 });
  found.answers.forEach((a, n) => of(a, ["even", "odd"][n]));
  await refused("InvalidInputException", /CreateBatchInferenceJob|user segments/, "CreateBatchInferenceJob", {
    jobName: "x", solutionVersionArn: version, roleArn: role,
    jobInput: { s3DataSource: { path: store.at("in/") } }, jobOutput: { s3DataDestination: { path: store.at("out/") } },
  });
});

test("exports, and users who are deleted", async () => {
  const own = await create("DatasetGroup", { name: "control-forget" });
  const dataset = await data(store, "control-forget", own, "Interactions", eventSchema, interactions());
  const exported = async (jobName, ingestionMode) => {
    const datasetExportJobArn = await create("DatasetExportJob", {
      jobName, datasetArn: dataset, roleArn: role, ingestionMode, jobOutput: { s3DataDestination: { path: store.at("exports/") } },
    });
    const told = await describe("DatasetExportJob", datasetExportJobArn);
    assert.equal(told.ingestionMode, ingestionMode ?? "PUT");
    return store.lines(`exports/${jobName}/part-00000.csv`);
  };
  const rows = interactions().trimEnd().split("\n");
  assert.deepEqual((await exported("control-all", "ALL")).sort(), rows.toSorted());
  assert.deepEqual(await exported("control-put"), rows.slice(0, 1), "nothing came one by one");
  assert.deepEqual((await listed("DatasetExportJobs", { datasetArn: dataset })).map((j) => j.jobName), ["control-put", "control-all"]);

  const dataLocation = await store.put("forget.csv", "USER_ID\nu7\nnobody\n");
  const { dataDeletionJobArn } = await call("CreateDataDeletionJob", { jobName: "control", datasetGroupArn: own, roleArn: role, dataSource: { dataLocation } });
  assert.equal((await settled("DataDeletionJob", dataDeletionJobArn, "COMPLETED")).numDeleted, 30);
  assert.deepEqual((await exported("control-left", "BULK")).sort(), rows.filter((r) => !r.startsWith("u7,")).sort());
  const { dataDeletionJobs } = await call("ListDataDeletionJobs", { datasetGroupArn: own });
  assert.deepEqual(dataDeletionJobs.map((j) => [j.jobName, j.status]), [["control", "COMPLETED"]]);
  assert.ok((await listed("DatasetImportJobs", { datasetArn: dataset })).every((j) => j.status === "ACTIVE"));
});

test("a schema with one column more", async () => {
  const wider = (await call("CreateSchema", { name: "control-wider", schema: schema("Items", "ITEM_ID:string", "PARITY:string*", "YEAR:int?") })).schemaArn;
  const other = (await call("CreateSchema", { name: "control-other", schema: schema("Items", "ITEM_ID:string", "YEAR:int?") })).schemaArn;
  const make = { name: "control-old", datasetGroupArn: group, filterExpression: "INCLUDE ItemID WHERE Items.YEAR < 1990" };
  await refused("InvalidInputException", /YEAR/, "CreateFilter", make);
  await refused("InvalidInputException", /PARITY/, "UpdateDataset", { datasetArn: things, schemaArn: other });
  assert.deepEqual(await call("UpdateDataset", { datasetArn: things, schemaArn: wider }), { datasetArn: things });
  const told = await until("Dataset", things, (d) => d.latestDatasetUpdate?.status === "ACTIVE");
  assert.equal(told.schemaArn, wider);
  assert.match((await describe("Schema", told.schemaArn)).schema, /YEAR/);
  await create("Filter", make);
  assert.ok((await listed("Filters", { datasetGroupArn: group })).some((f) => f.name === "control-old"));
  assert.deepEqual((await listed("Datasets", { datasetGroupArn: group })).map((d) => d.datasetArn).sort(), [events, things].sort());
});

test("a solution is updated, its training is stopped, a campaign follows it", async () => {
  const config = { autoTrainingConfig: { schedulingExpression: "rate(2 days)" } };
  const solution = await create("Solution", { name: "control", datasetGroupArn: group, recipeArn: recipe("aws-user-personalization"), solutionConfig: config });
  assert.deepEqual((await describe("Solution", solution)).solutionConfig, config);
  await call("UpdateSolution", { solutionArn: solution, performAutoTraining: false });
  const updated = await until("Solution", solution, (s) => s.latestSolutionUpdate?.status === "ACTIVE");
  assert.deepEqual([updated.performAutoTraining, updated.latestSolutionUpdate.performAutoTraining], [false, false]);
  await refused("InvalidInputException", /rate\(0 days\)/, "UpdateSolution", {
    solutionArn: solution, solutionUpdateConfig: { autoTrainingConfig: { schedulingExpression: "rate(0 days)" } },
  });

  const versions = [];
  for (let n = 0; n < 4; n++) versions.push((await call("CreateSolutionVersion", { solutionArn: solution })).solutionVersionArn);
  const [first, second, third, last] = versions;
  await call("StopSolutionVersionCreation", { solutionVersionArn: last });
  await settled("SolutionVersion", last, "CREATE STOPPED");
  await refused("ResourceInUseException", /CREATE STOPPED/, "GetSolutionMetrics", { solutionVersionArn: last });
  await refused("ResourceInUseException", /CREATE STOPPED/, "StopSolutionVersionCreation", { solutionVersionArn: last });
  for (const v of [first, second, third]) await active("SolutionVersion", v);
  const all = await listed("SolutionVersions", { solutionArn: solution });
  assert.deepEqual(all.map((v) => v.solutionVersionArn).sort(), versions.toSorted());
  for (const v of all) assert.equal(v.status, v.solutionVersionArn === last ? "CREATE STOPPED" : "ACTIVE");
  assert.ok((await listed("Solutions", { datasetGroupArn: group })).some((s) => s.solutionArn === solution));

  const campaignConfig = { syncWithLatestSolutionVersion: true };
  const campaign = await create("Campaign", { name: "control", solutionVersionArn: `${solution}/$LATEST`, campaignConfig });
  const { solutionVersionArn: newest } = await call("CreateSolutionVersion", { solutionArn: solution, trainingMode: "UPDATE", name: "newest" });
  assert.equal((await active("SolutionVersion", newest)).trainingMode, "UPDATE");
  const follows = await describe("Campaign", campaign);
  assert.deepEqual([follows.campaignConfig, follows.minProvisionedTPS], [campaignConfig, 1]);
  await call("UpdateCampaign", { campaignArn: campaign, solutionVersionArn: first, campaignConfig: { syncWithLatestSolutionVersion: false } });
  await until("Campaign", campaign, (c) => c.solutionVersionArn === first && c.latestCampaignUpdate.status === "ACTIVE");
  await create("Campaign", { name: "control-2", solutionVersionArn: first });
  assert.deepEqual((await listed("Campaigns", { solutionArn: solution })).map((c) => c.name).sort(), ["control", "control-2"]);
  await refused("ResourceInUseException", /campaign/, "DeleteSolution", { solutionArn: solution });
  for (const c of [campaign, arn("campaign/control-2")]) await remove("Campaign", c);
  await remove("Solution", solution);
});

test("batch inference jobs are listed", async () => {
  const { version } = await trained("control-popular", group, "aws-popularity-count");
  for (const n of [1, 2]) {
    const { answers } = await job("BatchInferenceJob", `control-popular-${n}`, [{ userId: "u1" }], { solutionVersionArn: version, numResults: n });
    assert.equal(answers[0].output.recommendedItems.length, n);
  }
  const jobs = await listed("BatchInferenceJobs", { solutionVersionArn: version });
  assert.deepEqual(jobs.map((j) => [j.jobName, j.status]), [["control-popular-2", "ACTIVE"], ["control-popular-1", "ACTIVE"]]);
});

/** shop makes a dataset group of a domain, with interactions and a dataset for items. */
async function shop(name) {
  const made = await call("CreateDatasetGroup", { name, domain: "ECOMMERCE" });
  assert.equal(made.domain, "ECOMMERCE");
  await active("DatasetGroup", made.datasetGroupArn);
  for (const [kind, avro] of [["Interactions", eventSchema], ["Items", schema("Items", "ITEM_ID:string", "PRICE:float", "CATEGORY_L1:string*")]]) {
    const { schemaArn } = await call("CreateSchema", { name: `${name}-${kind}`, domain: "ECOMMERCE", schema: avro });
    await create("Dataset", { name: `${name}-${kind}`, datasetGroupArn: made.datasetGroupArn, datasetType: kind, schemaArn });
  }
  await create("DatasetImportJob", {
    jobName: name, datasetArn: arn(`dataset/${name}/INTERACTIONS`), roleArn: role,
    dataSource: { dataLocation: await store.put(`${name}/interactions.csv`, interactions()) },
  });
  return made.datasetGroupArn;
}

test("a domain: recommenders, an event tracker, a metric attribution", async (t) => {
  const own = await shop("control-shop");
  await refused("InvalidInputException", /PRICE/, "CreateSchema", { name: "x", domain: "ECOMMERCE", schema: itemSchema });

  await t.test("a recommender is stopped, started and changed", async () => {
    const recommenderConfig = { minRecommendationRequestsPerSecond: 2, itemExplorationConfig: { explorationWeight: "0.3" } };
    const make = { datasetGroupArn: own, recipeArn: recipe("aws-ecomm-recommended-for-you") };
    const recommender = await create("Recommender", { ...make, name: "control", recommenderConfig });
    assert.deepEqual((await describe("Recommender", recommender)).recommenderConfig, recommenderConfig);
    await refused("ResourceInUseException", /INACTIVE/, "StartRecommender", { recommenderArn: recommender });
    await call("StopRecommender", { recommenderArn: recommender });
    await settled("Recommender", recommender, "INACTIVE");
    await call("StartRecommender", { recommenderArn: recommender });
    await active("Recommender", recommender);
    const changed = { minRecommendationRequestsPerSecond: 4 };
    await call("UpdateRecommender", { recommenderArn: recommender, recommenderConfig: changed });
    const told = await until("Recommender", recommender, (r) => r.latestRecommenderUpdate?.status === "ACTIVE");
    assert.deepEqual([told.recommenderConfig, told.latestRecommenderUpdate.recommenderConfig], [changed, changed]);
    await create("Recommender", { ...make, name: "control-2" });
    assert.deepEqual((await listed("Recommenders", { datasetGroupArn: own })).map((r) => r.name).sort(), ["control", "control-2"]);
    for (const name of ["control", "control-2"]) await remove("Recommender", arn(`recommender/${name}`));
    assert.deepEqual(await listed("Recommenders", { datasetGroupArn: own }), []);
  });

  await t.test("an event tracker", async () => {
    const { eventTrackerArn, trackingId } = await call("CreateEventTracker", { name: "control", datasetGroupArn: own });
    const told = await active("EventTracker", eventTrackerArn);
    assert.deepEqual([told.trackingId, told.accountId], [trackingId, account]);
    assert.deepEqual((await listed("EventTrackers", { datasetGroupArn: own })).map((e) => e.name), ["control"]);
    await refused("ResourceAlreadyExistsException", /one event tracker/, "CreateEventTracker", { name: "more", datasetGroupArn: own });
    await remove("EventTracker", eventTrackerArn);
    assert.deepEqual(await listed("EventTrackers", { datasetGroupArn: own }), []);
  });

  await t.test("a metric attribution", async () => {
    const views = { metricName: "views", eventType: "view", expression: "SAMPLECOUNT()" };
    const revenue = { metricName: "revenue", eventType: "buy", expression: "SUM(Items.PRICE)" };
    const clicks = { ...views, metricName: "clicks", eventType: "click" };
    const metricsOutputConfig = { roleArn: role, s3DataDestination: { path: store.at("metrics/") } };
    const make = { name: "control", datasetGroupArn: own, metricsOutputConfig };
    const metrics = (n) => Array.from({ length: n }, (_, k) => ({ ...views, metricName: `m${k}` }));
    await refused("LimitExceededException", /--quota metrics=N/, "CreateMetricAttribution", { ...make, metrics: metrics(4) });
    const attribution = await create("MetricAttribution", { ...make, metrics: [views, revenue] });
    assert.deepEqual((await describe("MetricAttribution", attribution)).metricsOutputConfig, metricsOutputConfig);
    assert.deepEqual(await metricsOf(attribution), [views, revenue]);
    await call("UpdateMetricAttribution", { metricAttributionArn: attribution, addMetrics: [clicks], removeMetrics: ["views"] });
    await active("MetricAttribution", attribution);
    assert.deepEqual(await metricsOf(attribution), [revenue, clicks]);
    await refused("ResourceNotFoundException", /nope/, "UpdateMetricAttribution", { metricAttributionArn: attribution, removeMetrics: ["nope"] });
    assert.deepEqual((await listed("MetricAttributions", { datasetGroupArn: own })).map((m) => m.name), ["control"]);
    await remove("MetricAttribution", attribution);
    assert.deepEqual(await listed("MetricAttributions", { datasetGroupArn: own }), []);
  });

  await t.test("the group goes when it is empty", async () => {
    assert.equal((await listed("DatasetGroups", {}, ours)).find((g) => g.datasetGroupArn === own).domain, "ECOMMERCE");
    await refused("ResourceInUseException", /still has/, "DeleteDatasetGroup", { datasetGroupArn: own });
    for (const kind of ["INTERACTIONS", "ITEMS"]) await remove("Dataset", arn(`dataset/control-shop/${kind}`));
    for (const kind of ["Interactions", "Items"]) await remove("Schema", arn(`schema/control-shop-${kind}`));
    await remove("DatasetGroup", own);
    assert.ok(!(await listed("Schemas", {}, ours)).some((s) => s.name.startsWith("control-shop")));
  });
});

/** metricsOf are the metrics of an attribution. */
const metricsOf = (metricAttributionArn) => listed("MetricAttributionMetrics", { metricAttributionArn });

test("too many tags, and too many to take away", async () => {
  const many = (n) => Array.from({ length: n }, (_, k) => `k${k}`);
  const tags = async () => (await call("ListTagsForResource", { resourceArn: group })).tags;
  await call("TagResource", { resourceArn: group, tags: [{ tagKey: "a", tagValue: "b" }] });
  await refused("TooManyTagsException", /50/, "TagResource", { resourceArn: group, tags: many(50).map((tagKey) => ({ tagKey, tagValue: "" })) });
  await refused("TooManyTagKeysException", /50/, "UntagResource", { resourceArn: group, tagKeys: many(51) });
  assert.deepEqual(await tags(), [{ tagKey: "a", tagValue: "b" }]);
  await call("UntagResource", { resourceArn: group, tagKeys: ["a"] });
  assert.deepEqual(await tags(), []);
});
