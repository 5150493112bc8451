# The part of e2e-cli.sh that is not the main job: what each operation does to what others answer. It is
# sourced, and uses the words, the server and the bucket of that script.

# ---- words of this part --------------------------------------------------------------------------------

camel() { sed -E 's/-(.)/\U\1/g' <<<"$1"; }

arn() { echo "arn:aws:personalize:us-east-1:$account:$1"; }

made() { # noun, arguments of create-noun...: the ARN
	local noun=$1
	shift
	personalize "create-$noun" "$@" --query "$(camel "$noun")Arn"
}

told() { # noun ARN query: what describe-noun tells, on one line
	personalize "describe-$1" "--$1-arn" "$2" --query "$(camel "$1").$3" | tr '\t' ' '
}

settled() { # status noun ARN
	await "$1" "$2 ${3##*/}" "$(camel "$2")" "describe-$2" "--$2-arn" "$3"
}

active() { settled ACTIVE "$@"; } # noun ARN

# becomes polls what is told: of updates, during which a resource stays ACTIVE.
becomes() { # what wanted noun ARN query
	local said deadline=$((SECONDS + 120))
	until said=$(told "${@:3}") && [[ $said == "$2" ]]; do
		((SECONDS < deadline)) || fail "$1" "$said" "$2"
		sleep 0.2
	done
	ok "$1"
}

deleted() { # noun ARN
	aws personalize "delete-$1" "--$1-arn" "$2"
	gone "$1 ${2##*/}" "describe-$1" "--$1-arn" "$2"
}

listed() { # arguments of a list operation... query: a member of all there is, in order, asked for one by one
	personalize "${@:1:$#-1}" --page-size 1 --query "${*: -1}" | xargs -n1 | LC_ALL=C sort | xargs
}

# ---- a world with tastes -------------------------------------------------------------------------------

mkdir "$tmp/planted"
python3 tests/boto3/planted.py "$tmp/planted"
aws s3 cp --quiet --recursive "$tmp/planted" s3://e2e/planted/
tastes=$(made dataset-group --name tastes)
active dataset-group "$tastes"
for type in interactions items users; do
	made schema --name "tastes-$type" --schema "file://$tmp/planted/$type.schema.json" >/dev/null
	made dataset --name "tastes-$type" --dataset-group-arn "$tastes" --dataset-type "$type" --schema-arn "$(arn "schema/tastes-$type")" >/dev/null
	active dataset "$(arn "dataset/tastes/${type^^}")"
	add_import "tastes-$type" "$(arn "dataset/tastes/${type^^}")" "s3://e2e/planted/$type.csv" >/dev/null
done
for type in interactions items users; do
	active dataset-import-job "$(arn "dataset-import-job/tastes-$type")"
done

# ---- segments of users: for items and for attributes, with filters ---------------------------------------

fans=$(add_version "$(add_solution fans "$tastes" aws-item-affinity)")
lovers=$(add_version "$(add_solution lovers "$tastes" aws-item-attribute-affinity)")
above=$(made filter --name above --dataset-group-arn "$tastes" --filter-expression 'INCLUDE UserID WHERE Users.AGE > $AGE')
trained "$fans"
trained "$lovers"
active filter "$above"

segment() { # job version results, further arguments; the input is the job's name
	local job=$1 version=$2 results=$3
	shift 3
	aws s3 cp --quiet "$tmp/planted/$job.json" "s3://e2e/in/$job.json"
	made batch-segment-job --job-name "$job" --solution-version-arn "$version" --role-arn "$role" --num-results "$results" \
		--job-input "s3DataSource={path=s3://e2e/in/$job.json}" --job-output "s3DataDestination={path=s3://e2e/out/$job/}" "$@"
}
segmented() { # job results
	active batch-segment-job "$(arn "batch-segment-job/$1")"
	aws s3 cp --quiet "s3://e2e/out/$1/$1.json.out" "$tmp/planted/$1.out"
	checked "the segments of $1" planted.py check "$tmp/planted/$1.json" "$tmp/planted/$1.out" "$2"
}
python3 - "$tmp/planted" <<'PY'
import json, sys
def write(name, lines):
    with open(f"{sys.argv[1]}/{name}.json", "w") as f:
        f.writelines(json.dumps(line) + "\n" for line in lines)
write("of-items", [{"itemId": f"i{n}"} for n in (0, 1, 2, 43, 59)] + [{"itemId": "never"}])
write("of-items-aged", [{"itemId": f"i{n}", "filterValues": {"AGE": str(age)}} for n, age in ((0, 20), (1, 30), (2, 30))])
tastes = [{"itemAttributes": f'ITEMS.GENRE = "{t}"'} for t in ("comedy", "drama", "horror", "opera")]
write("of-tastes", tastes)
write("of-tastes-aged", [t | {"filterValues": {"AGE": "30"}} for t in tastes[:3]])
PY
segment of-items "$fans" 25 >/dev/null
segment of-items-aged "$fans" 10 --filter-arn "$above" >/dev/null
segment of-tastes "$lovers" 25 >/dev/null
segment of-tastes-aged "$lovers" 10 --filter-arn "$above" >/dev/null
segmented of-items 25
segmented of-items-aged 10
segmented of-tastes 25
segmented of-tastes-aged 10
same "describe-batch-segment-job" "$(told batch-segment-job "$(arn batch-segment-job/of-items-aged)" '[jobName,solutionVersionArn,filterArn,numResults,roleArn,jobInput.s3DataSource.path,jobOutput.s3DataDestination.path]')" \
	"of-items-aged $fans $above 10 $role s3://e2e/in/of-items-aged.json s3://e2e/out/of-items-aged/"
same "list-batch-segment-jobs of a version" "$(listed list-batch-segment-jobs --solution-version-arn "$lovers" 'batchSegmentJobs[].jobName')" "of-tastes of-tastes-aged"
same "metrics of segments" "$(personalize get-solution-metrics --solution-version-arn "$fans" --query 'keys(metrics)' | xargs)" \
	"coverage hits_at_1_percent recall_at_1_percent"
refused InvalidInputException "a batch inference job of a recipe that ranks users" infer x "$fans" s3://e2e/in/of-items.json s3://e2e/out/x/
same "list-batch-inference-jobs" "$(listed list-batch-inference-jobs --solution-version-arn "$version" 'batchInferenceJobs[].jobName')" \
	"films-filtered films-nowhere films-plain"

# ---- data: export, deletion, another schema --------------------------------------------------------------

exported() { # job type mode: the rows, without the header
	local job
	job=$(made dataset-export-job --job-name "$1" --dataset-arn "$(arn "dataset/tastes/$2")" --role-arn "$role" --ingestion-mode "$3" \
		--job-output 's3DataDestination={path=s3://e2e/exports/}')
	active dataset-export-job "$job" >&2
	aws s3 cp --quiet "s3://e2e/exports/$1/part-00000.csv" "$tmp/planted/$1.csv"
	tail -n +2 "$tmp/planted/$1.csv" | LC_ALL=C sort | cksum
}
rows() { tail -n +2 "$tmp/planted/$1.csv" | grep -Ev "${2:-^$}" | LC_ALL=C sort | cksum; }
same "an export is what was imported" "$(exported before INTERACTIONS ALL)" "$(rows interactions)"
same "nothing was put one by one" "$(exported put USERS PUT)" "$(cksum </dev/null)"
same "describe-dataset-export-job" "$(told dataset-export-job "$(arn dataset-export-job/put)" '[jobName,datasetArn,ingestionMode,status,jobOutput.s3DataDestination.path]')" \
	"put $(arn dataset/tastes/USERS) PUT ACTIVE s3://e2e/exports/"
same "list-dataset-export-jobs" "$(listed list-dataset-export-jobs 'datasetExportJobs[].jobName')" "before put"

printf 'USER_ID\nu7\nu8\nnobody\n' | aws s3 cp --quiet - s3://e2e/forget/who.csv
forget=$(made data-deletion-job --job-name forget --dataset-group-arn "$tastes" --role-arn "$role" --data-source dataLocation=s3://e2e/forget/)
settled COMPLETED data-deletion-job "$forget"
same "two users and their 24 interactions are deleted" "$(told data-deletion-job "$forget" numDeleted)" 26
same "the others stay" "$(exported after INTERACTIONS BULK)" "$(rows interactions '^u[78],')"
same "list-data-deletion-jobs" "$(personalize list-data-deletion-jobs --dataset-group-arn "$tastes" --query 'dataDeletionJobs[].[jobName,status]' | xargs)" "forget COMPLETED"

python3 - "$tmp/planted" <<'PY'
import json, sys
schema = json.load(open(sys.argv[1] + "/items.schema.json"))
schema["fields"].append({"name": "YEAR", "type": ["null", "int"]})
json.dump(schema, open(sys.argv[1] + "/wider.schema.json", "w"))
PY
things=$(arn dataset/tastes/ITEMS)
wider=$(made schema --name wider --schema "file://$tmp/planted/wider.schema.json")
old=(--name old --dataset-group-arn "$tastes" --filter-expression 'INCLUDE ItemID WHERE Items.YEAR < 1990')
refused InvalidInputException "a filter on a column that is not there" aws personalize create-filter "${old[@]}"
refused InvalidInputException "a schema of another type" aws personalize update-dataset --dataset-arn "$things" --schema-arn "$(arn schema/tastes-users)"
same "update-dataset" "$(personalize update-dataset --dataset-arn "$things" --schema-arn "$wider")" "$things"
becomes "the dataset has its new schema" "ACTIVE $wider" dataset "$things" '[latestDatasetUpdate.status,schemaArn]'
active filter "$(made filter "${old[@]}")"
matches "describe-schema" "$(told schema "$wider" schema)" '"YEAR"'
same "list-filters" "$(listed list-filters --dataset-group-arn "$tastes" 'Filters[].name')" "above old"
same "list-datasets" "$(listed list-datasets --dataset-group-arn "$tastes" 'datasets[].datasetType')" "INTERACTIONS ITEMS USERS"
same "list-schemas" "$(listed list-schemas 'schemas[].name')" "films-interactions films-items films-users tastes-interactions tastes-items tastes-users wider"

# ---- solutions: an update, a training that is stopped ------------------------------------------------------

daily=$(made solution --name daily --dataset-group-arn "$tastes" --recipe-arn arn:aws:personalize:::recipe/aws-user-personalization \
	--solution-config 'autoTrainingConfig={schedulingExpression=rate(3 days)}')
active solution "$daily"
same "solutions train themselves by default" "$(told solution "$daily" '[performAutoTraining,solutionConfig.autoTrainingConfig.schedulingExpression]')" "True rate(3 days)"
same "update-solution" "$(personalize update-solution --solution-arn "$daily" --no-perform-auto-training)" "$daily"
becomes "the solution does not train itself any more" "ACTIVE False" solution "$daily" '[latestSolutionUpdate.status,performAutoTraining]'
refused InvalidInputException "a schedule that is none" aws personalize update-solution --solution-arn "$daily" \
	--solution-update-config 'autoTrainingConfig={schedulingExpression=rate(0 days)}'
long=$(made solution --name long --dataset-group-arn "$tastes" --recipe-arn arn:aws:personalize:::recipe/aws-user-personalization \
	--no-perform-auto-training --perform-hpo --solution-config 'hpoConfig={hpoResourceConfig={maxNumberOfTrainingJobs=40}}')
active solution "$long"
stopped=$(made solution-version --solution-arn "$long" --name stopped) # 40 trainings, which outlast a call
aws personalize stop-solution-version-creation --solution-version-arn "$stopped"
settled "CREATE STOPPED" solution-version "$stopped"
refused ResourceInUseException "metrics of a training that was stopped" aws personalize get-solution-metrics --solution-version-arn "$stopped"
declare -a versions
for n in 1 2; do
	versions[n]=$(made solution-version --solution-arn "$daily" --name "version-$n")
done
for n in 1 2; do
	active solution-version "${versions[n]}"
done
same "list-solution-versions" "$(listed list-solution-versions --solution-arn "$daily" 'solutionVersions[].status')" "ACTIVE ACTIVE"
same "list-solution-versions of the other" "$(listed list-solution-versions --solution-arn "$long" 'solutionVersions[].status')" "CREATE STOPPED"
same "list-solutions" "$(listed list-solutions --dataset-group-arn "$tastes" 'solutions[].name')" "daily fans long lovers"

# ---- a campaign ------------------------------------------------------------------------------------------

home=$(made campaign --name home --solution-version-arn "$daily/\$LATEST" --campaign-config syncWithLatestSolutionVersion=true --min-provisioned-tps 2)
active campaign "$home"
matches "the campaign follows its solution" "$(told campaign "$home" '[solutionVersionArn,minProvisionedTPS,campaignConfig.syncWithLatestSolutionVersion]')" "^$daily/[0-9a-f]{8} 2 True$"
same "update-campaign" "$(personalize update-campaign --campaign-arn "$home" --solution-version-arn "${versions[1]}" --min-provisioned-tps 3 \
	--campaign-config syncWithLatestSolutionVersion=false)" "$home"
becomes "the campaign stays with a version" "${versions[1]} 3 ACTIVE" campaign "$home" '[solutionVersionArn,minProvisionedTPS,latestCampaignUpdate.status]'
same "list-campaigns" "$(listed list-campaigns --solution-arn "$daily" 'campaigns[].name')" home
refused ResourceInUseException "deleting the solution of a campaign" aws personalize delete-solution --solution-arn "$daily"
deleted campaign "$home"

# ---- a domain: a recommender, an event tracker, a metric attribution ------------------------------------------

shop=$(made dataset-group --name shop --domain ECOMMERCE)
active dataset-group "$shop"
same "the group has its domain" "$(told dataset-group "$shop" domain)" ECOMMERCE
tracker=$(made event-tracker --name clicks --dataset-group-arn "$shop")
active event-tracker "$tracker"
matches "describe-event-tracker" "$(told event-tracker "$tracker" '[name,accountId,trackingId]')" "^clicks $account [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
same "list-event-trackers" "$(listed list-event-trackers --dataset-group-arn "$shop" 'eventTrackers[].name')" clicks
same "the tracker brought a dataset" "$(listed list-datasets --dataset-group-arn "$shop" 'datasets[].datasetType')" INTERACTIONS
refused ResourceAlreadyExistsException "a second tracker of a group" aws personalize create-event-tracker --name more --dataset-group-arn "$shop"
refused InvalidInputException "a schema that the domain does not allow" aws personalize create-schema --name x --domain ECOMMERCE --schema "file://$tmp/planted/items.schema.json"

active dataset-import-job "$(add_import shop "$(arn dataset/shop/INTERACTIONS)" s3://e2e/planted/interactions.csv)"
foryou=$(made recommender --name for-you --dataset-group-arn "$shop" --recipe-arn arn:aws:personalize:::recipe/aws-ecomm-recommended-for-you \
	--recommender-config minRecommendationRequestsPerSecond=2)
active recommender "$foryou"
refused ResourceInUseException "starting what is started" aws personalize start-recommender --recommender-arn "$foryou"
same "stop-recommender" "$(personalize stop-recommender --recommender-arn "$foryou")" "$foryou"
settled INACTIVE recommender "$foryou"
same "start-recommender" "$(personalize start-recommender --recommender-arn "$foryou")" "$foryou"
active recommender "$foryou"
same "update-recommender" "$(personalize update-recommender --recommender-arn "$foryou" --recommender-config minRecommendationRequestsPerSecond=5)" "$foryou"
becomes "the recommender is changed" "ACTIVE 5" recommender "$foryou" '[latestRecommenderUpdate.status,recommenderConfig.minRecommendationRequestsPerSecond]'
same "list-recommenders" "$(listed list-recommenders --dataset-group-arn "$shop" 'recommenders[].name')" for-you

kpis=$(made metric-attribution --name kpis --dataset-group-arn "$shop" --metrics 'eventType=view,metricName=views,expression=SAMPLECOUNT()' \
	--metrics-output-config "roleArn=$role,s3DataDestination={path=s3://e2e/metrics/}")
active metric-attribution "$kpis"
same "update-metric-attribution" "$(personalize update-metric-attribution --metric-attribution-arn "$kpis" --remove-metrics views \
	--add-metrics 'eventType=click,metricName=clicks,expression=SAMPLECOUNT()' 'eventType=buy,metricName=buys,expression=SAMPLECOUNT()')" "$kpis"
active metric-attribution "$kpis"
same "list-metric-attribution-metrics" "$(listed list-metric-attribution-metrics --metric-attribution-arn "$kpis" 'metrics[].metricName')" "buys clicks"
same "describe-metric-attribution" "$(told metric-attribution "$kpis" '[name,metricsOutputConfig.s3DataDestination.path]')" "kpis s3://e2e/metrics/"
same "list-metric-attributions" "$(listed list-metric-attributions --dataset-group-arn "$shop" 'metricAttributions[].name')" kpis
refused ResourceInUseException "deleting a group that has all this" aws personalize delete-dataset-group --dataset-group-arn "$shop"
deleted metric-attribution "$kpis"
deleted recommender "$foryou"
deleted event-tracker "$tracker"
deleted dataset "$(arn dataset/shop/INTERACTIONS)"
deleted dataset-group "$shop"
same "list-dataset-groups" "$(listed list-dataset-groups 'datasetGroups[].name')" "films past tastes"

# ---- recipes and tags ----------------------------------------------------------------------------------------

same "list-recipes of a domain" "$(personalize list-recipes --domain ECOMMERCE --query 'length(recipes)')" 5
sims=$(told recipe arn:aws:personalize:::recipe/aws-sims '[algorithmArn,featureTransformationArn,recipeType]')
read -r algorithm transformation type <<<"$sims"
same "describe-recipe" "$type" RELATED_ITEMS
same "describe-algorithm" "$(told algorithm "$algorithm" '[name,defaultHyperParameters.popularity_discount_factor]')" "aws-sims 0.5"
same "describe-feature-transformation" "$(told feature-transformation "$transformation" '[name,status]')" "sims ACTIVE"
aws personalize tag-resource --resource-arn "$tastes" --tags tagKey=team,tagValue=a tagKey=env,tagValue=test
aws personalize untag-resource --resource-arn "$tastes" --tag-keys env
same "list-tags-for-resource" "$(personalize list-tags-for-resource --resource-arn "$tastes" --query 'tags[].[tagKey,tagValue]' | xargs)" "team a"
