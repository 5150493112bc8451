// A client of a server that is already running, with the AWS SDK for JavaScript v3, and made-up data.
//
// AWS_ENDPOINT_URL and a key pair in the environment are all it is told, as everywhere else.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import * as personalize from "@aws-sdk/client-personalize";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

assert.ok(process.env.AWS_ENDPOINT_URL, "AWS_ENDPOINT_URL must name a running server");
const region = process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? "us-east-1";
export const api = new personalize.PersonalizeClient({ region });
export const account = "000000000000";
export const role = `arn:aws:iam::${account}:role/PersonalizeRole`;

export const arn = (resource) => `arn:aws:personalize:${region}:${account}:${resource}`;
export const recipe = (name) => `arn:aws:personalize:::recipe/${name}`;

/** call sends the command of that name and returns the answer without its metadata. */
export async function call(operation, input = {}) {
  const { $metadata, ...answer } = await api.send(new personalize[`${operation}Command`](input));
  assert.match($metadata.requestId, /^[0-9a-f-]{36}$/, `${operation} has a request id`);
  return answer;
}

/** refused expects an operation to fail with an exception that the SDK knows as a class. */
export async function refused(exception, message, operation, input) {
  await assert.rejects(call(operation, input), (e) => {
    assert.ok(e instanceof personalize[exception], `${operation} fails with ${e.name}: ${e.message}; expected ${exception}`);
    assert.match(e.message, message);
    return true;
  });
}

const memberOf = (noun) => noun[0].toLowerCase() + noun.slice(1);

/** describe returns a resource. */
export async function describe(noun, arn) {
  const member = memberOf(noun);
  return (await call(`Describe${noun}`, { [`${member}Arn`]: arn }))[member];
}

/** until describes a resource until a condition holds and returns it. */
export async function until(noun, arn, holds) {
  let described;
  for (const end = Date.now() + 120_000; Date.now() < end; await pause(20)) {
    described = await describe(noun, arn);
    if (holds(described)) return described;
  }
  assert.fail(`${arn} is after two minutes still ${JSON.stringify(described)}`);
}

/** settled describes a resource until it is settled and returns it; it must have the status. */
export async function settled(noun, arn, status) {
  const described = await until(noun, arn, (d) => /^(ACTIVE|INACTIVE|COMPLETED|FAILED|CREATE FAILED|CREATE STOPPED)$/.test(d.status));
  assert.equal(described.status, status, `${arn}: ${described.failureReason}`);
  return described;
}

export const active = (noun, arn) => settled(noun, arn, "ACTIVE");

/** create makes a resource, waits for it and returns its ARN. */
export async function create(noun, input) {
  const arn = (await call(`Create${noun}`, input))[`${memberOf(noun)}Arn`];
  await active(noun, arn);
  return arn;
}

/** remove deletes a resource and describes it until it is no more. */
export async function remove(noun, arn) {
  const input = { [`${memberOf(noun)}Arn`]: arn };
  await call(`Delete${noun}`, input);
  for (const end = Date.now() + 60_000; Date.now() < end; await pause(20)) {
    try {
      await call(`Describe${noun}`, input);
    } catch (e) {
      assert.ok(e instanceof personalize.ResourceNotFoundException, e.message);
      return;
    }
  }
  assert.fail(`${arn} is still there after a minute`);
}

/** bucket makes a bucket and returns what puts objects into it and gets them. */
export async function bucket(name) {
  const s3 = new S3Client({ region, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: name }));
  const at = (key) => `s3://${name}/${key}`;
  return {
    at,
    async put(key, body) {
      await s3.send(new PutObjectCommand({ Bucket: name, Key: key, Body: body }));
      return at(key);
    },
    async lines(key) {
      const text = await (await s3.send(new GetObjectCommand({ Bucket: name, Key: key }))).Body.transformToString();
      return text.trimEnd().split("\n");
    },
  };
}

/** schema is an Avro schema; a field is written NAME:type, NAME:type* if it is categorical, NAME:type? if it may be null. */
export const schema = (name, ...fields) =>
  JSON.stringify({
    type: "record", name, namespace: "com.amazonaws.personalize.schema", version: "1.0",
    fields: fields.map((field) => {
      const [, name, type, mark] = /^(\w+):(\w+)([*?]?)$/.exec(field);
      return { name, type: mark === "?" ? ["null", type] : type, ...(mark === "*" && { categorical: true }) };
    }),
  });

export const eventSchema = schema("Interactions", "USER_ID:string", "ITEM_ID:string", "EVENT_TYPE:string", "TIMESTAMP:long");
export const itemSchema = schema("Items", "ITEM_ID:string", "PARITY:string*");

/** parity is the taste of a user or the kind of an item. */
export const parity = (id) => (Number(id.slice(1)) % 2 ? "odd" : "even");

/** interactions are what 40 users did with 30 items: each likes items of their own parity. */
export function interactions() {
  const rows = ["USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP"];
  for (let n = 0; n < 1200; n++) {
    const user = n % 40;
    const item = (2 * (Math.floor(n / 40) * 7 + user) + (user % 2)) % 30;
    rows.push(`u${user},i${item},view,${1_700_000_000 + 60 * n}`);
  }
  return rows.join("\n") + "\n";
}

/** items are the 30 items with their parity. */
export const items = () => "ITEM_ID,PARITY\n" + Array.from({ length: 30 }, (_, n) => `i${n},${parity(`i${n}`)}\n`).join("");

/** data makes a schema and a dataset of a kind, imports a table into it and returns its ARN. */
export async function data(store, name, group, kind, avro, table) {
  const { schemaArn } = await call("CreateSchema", { name: `${name}-${kind}`, schema: avro });
  const dataset = await create("Dataset", { name: `${name}-${kind}`, datasetGroupArn: group, datasetType: kind, schemaArn });
  await create("DatasetImportJob", {
    jobName: `${name}-${kind}`, datasetArn: dataset, roleArn: role,
    dataSource: { dataLocation: await store.put(`${name}/${kind}.csv`, table) },
  });
  return dataset;
}

/** trained makes a solution and a version of it, and returns both ARNs. */
export async function trained(name, group, recipeName) {
  const solution = await create("Solution", { name, datasetGroupArn: group, performAutoTraining: false, recipeArn: recipe(recipeName) });
  const { solutionVersionArn: version } = await call("CreateSolutionVersion", { solutionArn: solution });
  await active("SolutionVersion", version);
  return { solution, version };
}
