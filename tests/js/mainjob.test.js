// The main job with the AWS SDK for JavaScript v3, against a server that is already running.
//
// AWS_ENDPOINT_URL and a key pair in the environment are all it is told, as everywhere else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import * as personalize from "@aws-sdk/client-personalize";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

assert.ok(process.env.AWS_ENDPOINT_URL, "AWS_ENDPOINT_URL must name a running server");
const region = process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? "us-east-1";
const api = new personalize.PersonalizeClient({ region });
const s3 = new S3Client({ region, forcePathStyle: true });
const bucket = "javascript";
const role = "arn:aws:iam::000000000000:role/PersonalizeRole";

/** do sends the command of that name and returns the answer without its metadata. */
async function call(operation, input) {
  const { $metadata, ...answer } = await api.send(new personalize[`${operation}Command`](input));
  assert.match($metadata.requestId, /^[0-9a-f-]{36}$/, `${operation} has a request id`);
  return answer;
}

/** refused expects an operation to fail with an exception that the SDK knows as a class. */
async function refused(exception, message, operation, input) {
  await assert.rejects(call(operation, input), (e) => {
    assert.ok(e instanceof personalize[exception], `${operation} fails with ${e.name}: ${e.message}; expected ${exception}`);
    assert.match(e.message, message);
    return true;
  });
}

/** active describes a resource until it is settled and returns it; it must be ACTIVE. */
async function active(noun, arn) {
  const member = noun[0].toLowerCase() + noun.slice(1);
  for (const end = Date.now() + 120_000; Date.now() < end; await pause(50)) {
    const described = (await call(`Describe${noun}`, { [`${member}Arn`]: arn }))[member];
    if (described.status === "ACTIVE") return described;
    assert.doesNotMatch(described.status, /FAILED|STOPPED/, described.failureReason);
  }
  assert.fail(`${arn} is not ACTIVE after two minutes`);
}

/** create makes a resource, waits for it and returns its ARN. */
async function create(noun, input) {
  const arn = (await call(`Create${noun}`, input))[`${noun[0].toLowerCase()}${noun.slice(1)}Arn`];
  await active(noun, arn);
  return arn;
}

async function put(key, body) {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  return `s3://${bucket}/${key}`;
}

async function get(key) {
  return (await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body.transformToString();
}

const schema = (name, fields) =>
  JSON.stringify({ type: "record", name, namespace: "com.amazonaws.personalize.schema", fields, version: "1.0" });

/** interactions are what 40 users did: each likes items of their own parity. */
function interactions() {
  const rows = ["USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP"];
  for (let n = 0; n < 1200; n++) {
    const user = n % 40;
    const item = (2 * (Math.floor(n / 40) * 7 + user) + (user % 2)) % 30;
    rows.push(`u${user},i${item},view,${1_700_000_000 + 60 * n}`);
  }
  return rows.join("\n") + "\n";
}

test("the main job, from data to recommendations", async (t) => {
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const group = await create("DatasetGroup", { name: "js", tags: [{ tagKey: "owner", tagValue: "js" }] });
  const { schemaArn } = await call("CreateSchema", {
    name: "js",
    schema: schema("Interactions", [
      { name: "USER_ID", type: "string" },
      { name: "ITEM_ID", type: "string" },
      { name: "EVENT_TYPE", type: "string" },
      { name: "TIMESTAMP", type: "long" },
    ]),
  });
  const dataset = await create("Dataset", { name: "js", datasetGroupArn: group, datasetType: "Interactions", schemaArn });
  await create("DatasetImportJob", {
    jobName: "js", datasetArn: dataset, roleArn: role, dataSource: { dataLocation: await put("in/interactions.csv", interactions()) },
  });
  const solution = await create("Solution", {
    name: "js", datasetGroupArn: group, performAutoTraining: false, recipeArn: "arn:aws:personalize:::recipe/aws-user-personalization",
  });
  const { solutionVersionArn: version } = await call("CreateSolutionVersion", { solutionArn: solution });
  await refused("ResourceInUseException", /PENDING|IN_PROGRESS/, "GetSolutionMetrics", { solutionVersionArn: version });
  const trained = await active("SolutionVersion", version);
  assert.ok(trained.creationDateTime instanceof Date, "times are dates");
  const { metrics } = await call("GetSolutionMetrics", { solutionVersionArn: version });
  assert.ok(metrics.precision_at_25 > 0, JSON.stringify(metrics));
  const filter = await create("Filter", {
    name: "js", datasetGroupArn: group, filterExpression: 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view")',
  });

  const users = ["u0", "u1", "u2", "nobody"];
  const path = await put("in/users.json", users.map((userId) => JSON.stringify({ userId })).join("\n"));
  const input = {
    jobName: "js", solutionVersionArn: version, roleArn: role, numResults: 5,
    jobInput: { s3DataSource: { path } },
    jobOutput: { s3DataDestination: { path: `s3://${bucket}/out/` } },
    batchInferenceJobConfig: { itemExplorationConfig: { explorationWeight: "0" } },
  };
  const job = await create("BatchInferenceJob", input);

  await t.test("the job comes back as it was made", async () => {
    const { batchInferenceJob: described } = await call("DescribeBatchInferenceJob", { batchInferenceJobArn: job });
    const { creationDateTime, lastUpdatedDateTime, ...rest } = described;
    assert.deepEqual(rest, { ...input, batchInferenceJobArn: job, batchInferenceJobMode: "BATCH_INFERENCE", status: "ACTIVE" });
    assert.ok(creationDateTime <= lastUpdatedDateTime);
  });

  await t.test("each line has its recommendations, in order", async () => {
    const lines = (await get("out/users.json.out")).trimEnd().split("\n").map((l) => JSON.parse(l));
    assert.deepEqual(lines.map((l) => l.input.userId), users);
    for (const { input: { userId }, output, error } of lines) {
      assert.equal(error, null, userId);
      assert.equal(output.recommendedItems.length, 5);
      if (userId === "nobody") continue;
      const parity = Number(userId.slice(1)) % 2;
      const own = output.recommendedItems.filter((i) => Number(i.slice(1)) % 2 === parity);
      assert.ok(own.length >= 4, `${userId} gets ${output.recommendedItems}, which are not of their parity`);
    }
  });

  await t.test("exceptions are classes and name what is wrong", async () => {
    await refused("ResourceAlreadyExistsException", /dataset-group\/js/, "CreateDatasetGroup", { name: "js" });
    await refused("ResourceNotFoundException", /nobody/, "DescribeFilter", { filterArn: filter.replace(/js$/, "nobody") });
    await refused("InvalidInputException", /'name'/, "CreateDatasetGroup", { name: "not a name" });
    await refused("InvalidNextTokenException", /token/, "ListSchemas", { nextToken: "forged" });
    await refused("ResourceInUseException", /still has/, "DeleteDatasetGroup", { datasetGroupArn: group });
  });

  await t.test("paginators and tags", async () => {
    for (const n of [1, 2, 3]) await call("CreateSchema", { name: `page-${n}`, schema: schema("Users", [{ name: "USER_ID", type: "string" }, { name: "AGE", type: "int" }]) });
    const names = [];
    for await (const page of personalize.paginateListSchemas({ client: api, pageSize: 2 }, {})) names.push(...page.schemas.map((s) => s.name));
    assert.deepEqual(names.sort(), ["js", "page-1", "page-2", "page-3"]);
    const recipes = [];
    for await (const page of personalize.paginateListRecipes({ client: api, pageSize: 5 }, { recipeProvider: "SERVICE" })) recipes.push(...page.recipes);
    assert.ok(recipes.some((r) => r.name === "aws-user-personalization"));
    await call("TagResource", { resourceArn: filter, tags: [{ tagKey: "a", tagValue: "1" }, { tagKey: "b", tagValue: "" }] });
    await call("UntagResource", { resourceArn: filter, tagKeys: ["a"] });
    assert.deepEqual((await call("ListTagsForResource", { resourceArn: filter })).tags, [{ tagKey: "b", tagValue: "" }]);
    assert.deepEqual((await call("ListTagsForResource", { resourceArn: group })).tags, [{ tagKey: "owner", tagValue: "js" }]);
  });

  await t.test("a campaign follows and goes", async () => {
    const campaign = await create("Campaign", { name: "js", solutionVersionArn: version, minProvisionedTPS: 1 });
    await refused("ResourceInUseException", /campaign/, "DeleteSolution", { solutionArn: solution });
    await call("UpdateCampaign", { campaignArn: campaign, minProvisionedTPS: 2 });
    let described;
    do {
      described = (await call("DescribeCampaign", { campaignArn: campaign })).campaign;
    } while (described.latestCampaignUpdate.status !== "ACTIVE");
    assert.equal(described.minProvisionedTPS, 2);
    await call("DeleteCampaign", { campaignArn: campaign });
    await gone("Campaign", "campaignArn", campaign);
    await call("DeleteFilter", { filterArn: filter });
    await gone("Filter", "filterArn", filter);
    await call("DeleteSolution", { solutionArn: solution });
    await gone("Solution", "solutionArn", solution);
    await call("DeleteDataset", { datasetArn: dataset });
    await gone("Dataset", "datasetArn", dataset);
    await call("DeleteSchema", { schemaArn });
    await call("DeleteDatasetGroup", { datasetGroupArn: group });
    await gone("DatasetGroup", "datasetGroupArn", group);
  });
});

/** gone describes a resource until it is no more. */
async function gone(noun, member, arn) {
  for (const end = Date.now() + 60_000; Date.now() < end; await pause(20)) {
    try {
      await call(`Describe${noun}`, { [member]: arn });
    } catch (e) {
      assert.ok(e instanceof personalize.ResourceNotFoundException, e.message);
      return;
    }
  }
  assert.fail(`${arn} is still there after a minute`);
}
