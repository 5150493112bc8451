// The main job with the AWS SDK for JavaScript v3.
import assert from "node:assert/strict";
import { test } from "node:test";

import * as personalize from "@aws-sdk/client-personalize";

import { active, api, arn, bucket, call, create, data, eventSchema, interactions, parity, recipe, refused, remove, role, schema, until } from "./client.js";

test("the main job, from data to recommendations", async (t) => {
  const store = await bucket("javascript");
  const group = await create("DatasetGroup", { name: "js", tags: [{ tagKey: "owner", tagValue: "js" }] });
  const dataset = await data(store, "js", group, "Interactions", eventSchema, interactions());
  const solution = await create("Solution", {
    name: "js", datasetGroupArn: group, performAutoTraining: false, recipeArn: recipe("aws-user-personalization"),
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
  const path = await store.put("in/users.json", users.map((userId) => JSON.stringify({ userId })).join("\n"));
  const input = {
    jobName: "js", solutionVersionArn: version, roleArn: role, numResults: 5,
    jobInput: { s3DataSource: { path } },
    jobOutput: { s3DataDestination: { path: store.at("out/") } },
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
    const lines = (await store.lines("out/users.json.out")).map((l) => JSON.parse(l));
    assert.deepEqual(lines.map((l) => l.input.userId), users);
    for (const { input: { userId }, output, error } of lines) {
      assert.equal(error, null, userId);
      assert.equal(output.recommendedItems.length, 5);
      if (userId === "nobody") continue;
      const own = output.recommendedItems.filter((i) => parity(i) === parity(userId));
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
    for (const n of [1, 2, 3]) await call("CreateSchema", { name: `page-${n}`, schema: schema("Users", "USER_ID:string", "AGE:int") });
    const names = [];
    for await (const page of personalize.paginateListSchemas({ client: api, pageSize: 2 }, {})) {
      assert.ok(page.schemas.length === 2 || page.nextToken === undefined, "a page that is not the last is full");
      names.push(...page.schemas.map((s) => s.name));
    }
    assert.deepEqual(names.filter((n) => n.startsWith("page-")), ["page-1", "page-2", "page-3"]);
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
    const described = await until("Campaign", campaign, (d) => d.latestCampaignUpdate.status === "ACTIVE");
    assert.equal(described.minProvisionedTPS, 2);
    await remove("Campaign", campaign);
    await remove("Filter", filter);
    await remove("Solution", solution);
    await remove("Dataset", dataset);
    await remove("Schema", arn("schema/js-Interactions"));
    await remove("DatasetGroup", group);
  });
});
