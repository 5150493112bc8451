#!/usr/bin/env bash
# The main job by hand: the AWS CLI against `kindred serve`, on MovieLens-100k, every answer checked; and the
# rest of the control plane (e2e-cli-control.sh), on made-up data.
#
# Needs go (or KINDRED_BIN), aws and python3, and the data in ${KINDRED_TESTDATA:-../shared/data}/movielens-100k.
# Everything stays on the loopback interface and in one temporary folder. Prints each check; ends with
# status 1 at the first that does not hold, with what came and what was expected.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${KINDRED_TESTDATA:-../shared/data}/movielens-100k
truth=$data/split-last10/truth.csv.gz
if [[ ! -f $data/interactions.csv.gz || ! -f $truth ]]; then
	echo "e2e-cli: there is no $data/interactions.csv.gz and split-last10/truth.csv.gz beside it;" \
		"set KINDRED_TESTDATA to the folder that holds movielens-100k" >&2
	exit 1
fi

tmp=$(mktemp -d)
pid=
finish() {
	local status=$?
	if [[ -n $pid ]] && kill -0 "$pid" 2>/dev/null; then
		kill "$pid" && wait "$pid" || true
	fi
	if [[ $status -ne 0 && -f $tmp/log ]]; then
		echo "--- the server's last lines" >&2
		tail -n 30 "$tmp/log" >&2
	fi
	rm -rf "$tmp"
	exit "$status"
}
trap finish EXIT

# ---- words of this script ----------------------------------------------------------------------------

began=$SECONDS
ok() { printf '%4ds  ok    %s\n' "$((SECONDS - began))" "$*"; }

fail() { # what came expected
	printf '%4ds  FAIL  %s\n        came:     %s\n        expected: %s\n' "$((SECONDS - began))" "$1" "$2" "$3" >&2
	exit 1
}

same() { # what came expected
	[[ $2 == "$3" ]] || fail "$1" "$2" "$3"
	ok "$1"
}

matches() { # what came pattern
	[[ $2 =~ $3 ]] || fail "$1" "$2" "$3"
	ok "$1"
}

personalize() { aws personalize "$@" --output text; }

checked() { # what script-in-tests/boto3 arguments...
	local what=$1 script=$2 said
	shift 2
	said=$(python3 "tests/boto3/$script" "$@" 2>&1) || fail "$what" "$said" "no complaint"
	ok "$what${said:+: $said}"
}

refused() { # exception what command...
	local code=$1 what=$2 said
	shift 2
	if said=$("$@" 2>&1); then
		fail "$what" "$said" "$code"
	fi
	[[ $said == *"($code)"* ]] || fail "$what" "$said" "$code"
	ok "$what: ${said#*operation: }"
}

# await polls a describe operation until its status is settled, as every script around Personalize does.
await() { # wanted what describe-arguments...
	local wanted=$1 what=$2 member=$3 status deadline=$((SECONDS + 300))
	shift 3
	while status=$(personalize "$@" --query "$member.status"); do
		case $status in
		ACTIVE | INACTIVE | COMPLETED | FAILED | "CREATE FAILED" | "CREATE STOPPED") break ;;
		esac
		((SECONDS < deadline)) || fail "$what" "$status for 300 s" "$wanted"
		sleep 0.2
	done
	[[ $status == "$wanted" ]] || fail "$what" "$status: $(personalize "$@" --query "$member.failureReason")" "$wanted"
	ok "$what is $status"
}

# gone polls until a describe operation does not know the resource any more.
gone() { # what describe-arguments...
	local what=$1 said deadline=$((SECONDS + 60))
	shift
	while said=$(personalize "$@" 2>&1); do
		((SECONDS < deadline)) || fail "$what" "$said" "ResourceNotFoundException"
		sleep 0.2
	done
	[[ $said == *ResourceNotFoundException* ]] || fail "$what" "$said" "ResourceNotFoundException"
	ok "$what is gone"
}

# ---- the server --------------------------------------------------------------------------------------

bin=${KINDRED_BIN:-}
if [[ -z $bin ]]; then
	bin=$tmp/kindred
	go build -o "$bin" ./cmd/kindred
	ok "built"
fi
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_REGION AWS_CA_BUNDLE
export AWS_CONFIG_FILE=$tmp/no-config AWS_SHARED_CREDENTIALS_FILE=$tmp/no-credentials AWS_EC2_METADATA_DISABLED=true AWS_PAGER=
export AWS_ACCESS_KEY_ID=E2EKEY AWS_SECRET_ACCESS_KEY=e2e-secret AWS_DEFAULT_REGION=us-east-1 NO_PROXY=127.0.0.1
KINDRED_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID KINDRED_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY \
	"$bin" serve --data "$tmp/data" --listen 127.0.0.1:0 >"$tmp/ready" 2>"$tmp/log" &
pid=$!
for _ in $(seq 300); do
	grep -qs "^ready http" "$tmp/ready" && break
	kill -0 "$pid" 2>/dev/null || fail "kindred serve" "$(tail -n 5 "$tmp/log")" "a running server"
	sleep 0.1
done
same "one line on standard output" "$(wc -l <"$tmp/ready")" 1
matches "it says where it is ready" "$(cat "$tmp/ready")" '^ready http://127\.0\.0\.1:[0-9]+$'
AWS_ENDPOINT_URL=$(sed 's/^ready //' "$tmp/ready")
export AWS_ENDPOINT_URL

# ---- who is asking ------------------------------------------------------------------------------------

account=$(aws sts get-caller-identity --query Account --output text)
same "sts get-caller-identity" "$account" 000000000000
refused InvalidSignatureException "a wrong secret" env AWS_SECRET_ACCESS_KEY=wrong aws personalize list-schemas
refused UnrecognizedClientException "an unknown access key" env AWS_ACCESS_KEY_ID=NOBODY aws personalize list-schemas
refused SignatureDoesNotMatch "a wrong secret for S3" env AWS_SECRET_ACCESS_KEY=wrong aws s3 ls

trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"personalize.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
role=$(aws iam create-role --role-name PersonalizeRole --assume-role-policy-document "$trust" --query Role.Arn --output text)
same "iam create-role" "$role" "arn:aws:iam::$account:role/PersonalizeRole"
aws iam attach-role-policy --role-name PersonalizeRole --policy-arn arn:aws:iam::aws:policy/AmazonS3FullAccess
aws iam put-role-policy --role-name PersonalizeRole --policy-name s3 --policy-document '{"Version":"2012-10-17","Statement":[]}'
same "iam get-role" "$(aws iam get-role --role-name PersonalizeRole --query Role.Arn --output text)" "$role"

# ---- objects ------------------------------------------------------------------------------------------

gunzip -c "$data/interactions.csv.gz" >"$tmp/interactions.csv"
gunzip -c "$data/items.csv.gz" >"$tmp/items.csv"
aws s3 mb s3://e2e >/dev/null
aws s3 cp --quiet "$tmp/interactions.csv" s3://e2e/data/interactions.csv
aws s3 cp --quiet "$tmp/items.csv" s3://e2e/data/items.csv
aws s3 cp --quiet "$data/users.csv.gz" s3://e2e/data/users.csv.gz
same "s3 mb, cp and ls" "$(aws s3 ls s3://e2e/data/ | awk '{printf "%s ", $NF}')" "interactions.csv items.csv users.csv.gz "
same "s3 cp back" "$(aws s3 cp s3://e2e/data/items.csv - | cksum)" "$(cksum <"$tmp/items.csv")"

# ---- data: schemas, dataset group, datasets, imports --------------------------------------------------

refused ResourceNotFoundException "a dataset before its group" aws personalize create-dataset --name x --dataset-type Items \
	--dataset-group-arn "arn:aws:personalize:us-east-1:$account:dataset-group/films" --schema-arn "arn:aws:personalize:us-east-1:$account:schema/films-items"
group=$(personalize create-dataset-group --name films --query datasetGroupArn)
same "create-dataset-group" "$group" "arn:aws:personalize:us-east-1:$account:dataset-group/films"
await ACTIVE "the dataset group" datasetGroup describe-dataset-group --dataset-group-arn "$group"
refused ResourceAlreadyExistsException "a second group of the name" aws personalize create-dataset-group --name films

add_schema() { # type
	personalize create-schema --name "films-$1" --schema "file://$data/$1.schema.json" --query schemaArn
}
add_dataset() { # group type
	personalize create-dataset --name "$2" --dataset-group-arn "$1" --dataset-type "${2^}" \
		--schema-arn "arn:aws:personalize:us-east-1:$account:schema/films-$2" --query datasetArn
}
add_import() { # job dataset location
	personalize create-dataset-import-job --job-name "$1" --dataset-arn "$2" --role-arn "$role" \
		--data-source "dataLocation=$3" --query datasetImportJobArn
}
imported() { # what job
	await ACTIVE "$1" datasetImportJob describe-dataset-import-job --dataset-import-job-arn "$2"
}

declare -A dataset import
for type in interactions items users; do
	same "create-schema $type" "$(add_schema $type)" "arn:aws:personalize:us-east-1:$account:schema/films-$type"
	dataset[$type]=$(add_dataset "$group" $type)
	same "create-dataset $type" "${dataset[$type]}" "arn:aws:personalize:us-east-1:$account:dataset/films/${type^^}"
	await ACTIVE "the dataset $type" dataset describe-dataset --dataset-arn "${dataset[$type]}"
done
import[interactions]=$(add_import films-interactions "${dataset[interactions]}" s3://e2e/data/interactions.csv)
import[items]=$(add_import films-items "${dataset[items]}" s3://e2e/data/items.csv)
import[users]=$(add_import films-users "${dataset[users]}" s3://e2e/data/users.csv.gz)
for type in interactions items users; do
	imported "the import of $type" "${import[$type]}"
done
refused ResourceAlreadyExistsException "a second import job of the name" add_import films-users "${dataset[users]}" s3://e2e/data/users.csv.gz
bad=$(add_import films-nothing "${dataset[users]}" s3://e2e/data/nothing.csv)
await "CREATE FAILED" "an import of no object" datasetImportJob describe-dataset-import-job --dataset-import-job-arn "$bad"
matches "its failureReason" "$(personalize describe-dataset-import-job --dataset-import-job-arn "$bad" --query datasetImportJob.failureReason)" 'nothing\.csv'

# ---- pages --------------------------------------------------------------------------------------------

all=$(personalize list-dataset-import-jobs --query 'datasetImportJobs[].jobName' | xargs -n1 | sort | xargs)
same "list-dataset-import-jobs" "$all" "films-interactions films-items films-nothing films-users"
same "--page-size 1" "$(personalize list-dataset-import-jobs --page-size 1 --query 'datasetImportJobs[].jobName' | xargs -n1 | sort | xargs)" "$all"
first=$(aws personalize list-dataset-import-jobs --max-items 3 --output json)
token=$(python3 -c 'import json,sys; print(json.load(sys.stdin)["NextToken"])' <<<"$first")
rest=$(personalize list-dataset-import-jobs --starting-token "$token" --query 'datasetImportJobs[].jobName')
firstNames=$(python3 -c 'import json,sys; print(*[j["jobName"] for j in json.load(sys.stdin)["datasetImportJobs"]])' <<<"$first")
same "--max-items 3 and the rest" "$(xargs -n1 <<<"$firstNames $rest" | sort | xargs)" "$all"
refused InvalidNextTokenException "a forged token" aws personalize list-schemas --no-paginate --next-token forged

# ---- training -----------------------------------------------------------------------------------------

add_solution() { # name group recipe
	personalize create-solution --name "$1" --dataset-group-arn "$2" --recipe-arn "arn:aws:personalize:::recipe/$3" \
		--no-perform-auto-training --query solutionArn
}
add_version() { # solution
	await ACTIVE "the solution ${1##*/}" solution describe-solution --solution-arn "$1" >&2
	personalize create-solution-version --solution-arn "$1" --query solutionVersionArn
}
trained() { # version
	await ACTIVE "the version of $(cut -d/ -f2 <<<"$1")" solutionVersion describe-solution-version --solution-version-arn "$1"
}

solution=$(add_solution films-for-you "$group" aws-user-personalization)
same "create-solution" "$solution" "arn:aws:personalize:us-east-1:$account:solution/films-for-you"
version=$(add_version "$solution")
matches "create-solution-version" "$version" "^$solution/[0-9a-f]{8}$"
trained "$version"
aws personalize get-solution-metrics --solution-version-arn "$version" --output json >"$tmp/metrics.json"
checked "get-solution-metrics" checks.py metrics "$tmp/metrics.json"

# ---- a filter, and the batch inference job ------------------------------------------------------------

refused InvalidInputException "a filter that is none" aws personalize create-filter --name broken --dataset-group-arn "$group" \
	--filter-expression 'INCLUDE ItemID WHERE Items.NOPE IN ("x")'
filter=$(personalize create-filter --name by-genre --dataset-group-arn "$group" \
	--filter-expression 'INCLUDE ItemID WHERE Items.GENRES IN ($GENRES)' --query filterArn)
await ACTIVE "the filter" filter describe-filter --filter-arn "$filter"

infer() { # job version input output, further arguments
	local job=$1 version=$2 input=$3 output=$4
	shift 4
	personalize create-batch-inference-job --job-name "$job" --solution-version-arn "$version" --role-arn "$role" \
		--job-input "s3DataSource={path=$input}" --job-output "s3DataDestination={path=$output}" "$@" --query batchInferenceJobArn
}
inferred() { # what job
	await ACTIVE "$1" batchInferenceJob describe-batch-inference-job --batch-inference-job-arn "$2"
}

python3 - "$tmp" <<'PY'
import csv, gzip, json, os, sys
tmp = sys.argv[1]
users = sorted({r["USER_ID"] for r in csv.DictReader(open(tmp + "/interactions.csv"))}, key=int)
genres = ['"Comedy"', '"Sci-Fi","Horror"', '"Film-Noir"', '"Children\'s"']
plain = [json.dumps({"userId": u}) for u in users]
plain[100:100] = ['{"userId": 7}', "no JSON", '{"itemId":"1"}', '{"userId":""}', "", '  {"userId" : "nobody ever saw me"}  ']
lists = [json.dumps({"userId": u, "filterValues": {"GENRES": genres[i % 4]}}) for i, u in enumerate(users)]
lists[50:50] = ['{"userId":"1"}', '["not","an","object"]']
open(tmp + "/users.json", "w").write("\n".join(plain) + "\n")
open(tmp + "/genres.json", "w").write("\n".join(lists))
PY
aws s3 cp --quiet "$tmp/users.json" s3://e2e/in/users.json
aws s3 cp --quiet "$tmp/genres.json" s3://e2e/in/genres.json
refused ResourceNotFoundException "a job of a solution instead of a version" infer none "$solution" s3://e2e/in/users.json s3://e2e/out/
job=$(infer films-plain "$version" s3://e2e/in/users.json s3://e2e/out/plain/)
same "create-batch-inference-job" "$job" "arn:aws:personalize:us-east-1:$account:batch-inference-job/films-plain"
filtered=$(infer films-filtered "$version" s3://e2e/in/genres.json s3://e2e/out/filtered/ --filter-arn "$filter")
inferred "the job" "$job"
inferred "the job with a filter" "$filtered"

cat >"$tmp/expected.json" <<JSON
{"jobName": "films-filtered", "batchInferenceJobArn": "$filtered", "solutionVersionArn": "$version", "filterArn": "$filter",
 "numResults": 25, "jobInput": {"s3DataSource": {"path": "s3://e2e/in/genres.json"}},
 "jobOutput": {"s3DataDestination": {"path": "s3://e2e/out/filtered/"}}, "roleArn": "$role",
 "batchInferenceJobConfig": {}, "batchInferenceJobMode": "BATCH_INFERENCE", "status": "ACTIVE"}
JSON
aws personalize describe-batch-inference-job --batch-inference-job-arn "$filtered" --output json >"$tmp/described.json"
checked "describe-batch-inference-job" checks.py describe "$tmp/described.json" "$tmp/expected.json"
same "s3 ls of the output" "$(aws s3 ls s3://e2e/out/plain/ | awk '{printf "%s ", $NF}')" "_CHECK users.json.out "
aws s3 cp --quiet s3://e2e/out/plain/users.json.out "$tmp/users.json.out"
aws s3 cp --quiet s3://e2e/out/filtered/genres.json.out "$tmp/genres.json.out"
checked "the answers" checks.py output "$tmp/users.json" "$tmp/users.json.out" --items "$tmp/items.csv"
checked "the filtered answers" checks.py output "$tmp/genres.json" "$tmp/genres.json.out" --items "$tmp/items.csv" --filtered GENRES:GENRES
nowhere=$(infer films-nowhere "$version" s3://e2e/nowhere/ s3://e2e/out/nowhere/)
await "CREATE FAILED" "a job without input" batchInferenceJob describe-batch-inference-job --batch-inference-job-arn "$nowhere"
matches "its failureReason" "$(personalize describe-batch-inference-job --batch-inference-job-arn "$nowhere" --query batchInferenceJob.failureReason)" \
	'Invalid S3 input path.*s3://e2e/nowhere/'

# ---- better than popularity, on what came later -------------------------------------------------------

past=$(personalize create-dataset-group --name past --query datasetGroupArn)
await ACTIVE "the dataset group of the past" datasetGroup describe-dataset-group --dataset-group-arn "$past"
events=$(add_dataset "$past" interactions)
await ACTIVE "its dataset" dataset describe-dataset --dataset-arn "$events"
aws s3 cp --quiet "$data/split-last10/train_interactions.csv.gz" s3://e2e/past/interactions.csv.gz
imported "its import" "$(add_import past-interactions "$events" s3://e2e/past/)"
unseen=$(personalize create-filter --name unseen --dataset-group-arn "$past" \
	--filter-expression 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")' --query filterArn)
await ACTIVE "the filter of seen items" filter describe-filter --filter-arn "$unseen"
model=$(add_version "$(add_solution past-for-you "$past" aws-user-personalization)")
popular=$(add_version "$(add_solution past-popular "$past" aws-popularity-count)")
trained "$model"
trained "$popular"
gunzip -c "$truth" | python3 -c '
import csv, json, sys
for u in sorted({r["USER_ID"] for r in csv.DictReader(sys.stdin)}, key=int):
    print(json.dumps({"userId": u}))' | aws s3 cp --quiet - s3://e2e/in/later.json
one=$(infer past-for-you "$model" s3://e2e/in/later.json s3://e2e/out/model/ --filter-arn "$unseen" --num-results 500 \
	--batch-inference-job-config 'itemExplorationConfig={explorationWeight=0}')
two=$(infer past-popular "$popular" s3://e2e/in/later.json s3://e2e/out/popular/ --filter-arn "$unseen" --num-results 500)
inferred "the job of the model" "$one"
inferred "the job of popularity" "$two"
aws s3 cp --quiet s3://e2e/out/model/later.json.out "$tmp/model.out"
aws s3 cp --quiet s3://e2e/out/popular/later.json.out "$tmp/popular.out"
checked "against popularity" checks.py ratio "$truth" "$tmp/model.out" "$tmp/popular.out" --least 1.5 --train "$data/split-last10/train_interactions.csv.gz"

# ---- the rest of the control plane ---------------------------------------------------------------------

source scripts/e2e-cli-control.sh

# ---- taking everything down, in the wrong order first -------------------------------------------------

refused ResourceInUseException "deleting a group with datasets" aws personalize delete-dataset-group --dataset-group-arn "$group"
refused ResourceInUseException "deleting a schema in use" aws personalize delete-schema --schema-arn "arn:aws:personalize:us-east-1:$account:schema/films-users"
aws personalize delete-filter --filter-arn "$filter"
gone "the filter" describe-filter --filter-arn "$filter"
aws personalize delete-solution --solution-arn "$solution"
gone "the solution" describe-solution --solution-arn "$solution"
gone "its version" describe-solution-version --solution-version-arn "$version"
for type in interactions items users; do
	aws personalize delete-dataset --dataset-arn "${dataset[$type]}"
	gone "the dataset $type" describe-dataset --dataset-arn "${dataset[$type]}"
done
aws personalize delete-schema --schema-arn "arn:aws:personalize:us-east-1:$account:schema/films-users"
gone "the schema" describe-schema --schema-arn "arn:aws:personalize:us-east-1:$account:schema/films-users"
aws personalize delete-dataset-group --dataset-group-arn "$group"
gone "the dataset group" describe-dataset-group --dataset-group-arn "$group"
aws iam detach-role-policy --role-name PersonalizeRole --policy-arn arn:aws:iam::aws:policy/AmazonS3FullAccess
refused DeleteConflict "deleting a role with a policy" aws iam delete-role --role-name PersonalizeRole
aws iam delete-role-policy --role-name PersonalizeRole --policy-name s3
aws iam delete-role --role-name PersonalizeRole
refused NoSuchEntity "a deleted role" aws iam get-role --role-name PersonalizeRole
aws s3 rm --quiet --recursive s3://e2e/out/
same "s3 rm" "$(aws s3 ls s3://e2e/out/ || true)" ""

kill "$pid"
status=0
wait "$pid" || status=$?
pid=
same "the end on SIGTERM" "$status" 0
if [[ -n ${KINDRED_RECORD:-} ]]; then
	scripts/clients.sh aws-cli "$tmp/log" "$KINDRED_RECORD"
fi
echo "e2e-cli: all checks hold"
