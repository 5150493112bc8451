#!/usr/bin/env bash
# Checks the embedded S3 with the AWS CLI: what people do with buckets and objects, and that nothing
# comes back other than it went in.
#
# Usage: AWS_ENDPOINT_URL=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… scripts/s3-smoke.sh
#
# Prints a line for each check and ends with status 1 at the first that fails. It makes a bucket of
# its own and removes it.
set -euo pipefail

: "${AWS_ENDPOINT_URL:?the address of the server}" "${AWS_ACCESS_KEY_ID:?}" "${AWS_SECRET_ACCESS_KEY:?}"
export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}" AWS_PAGER="" AWS_EC2_METADATA_DISABLED=true

work=$(mktemp -d)
bucket="smoke-$$-$(date +%s)"
trap 'aws s3 rb --force "s3://$bucket" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

fail() { echo "FAIL $*" >&2; exit 1; }
ok() { echo "ok   $*"; }
same() { cmp -s "$1" "$2" || fail "$3: what came back differs"; ok "$3"; }
# refused CODE WHAT COMMAND…: the command fails, and says CODE.
refused() {
	local code=$1 what=$2 out
	shift 2
	if out=$("$@" 2>&1); then fail "$what: was not refused"; fi
	[[ $out == *"$code"* ]] || fail "$what: expected $code, got: $out"
	ok "$what"
}

aws s3 mb "s3://$bucket" >/dev/null && ok "mb"
aws s3api head-bucket --bucket "$bucket" >/dev/null && ok "head-bucket"
aws s3api list-buckets --query 'Buckets[].Name' --output text | tr '\t' '\n' | grep -qx "$bucket" || fail "list-buckets"
ok "list-buckets"

# Objects: small, empty, with a name that is hard to sign, and large enough to go in parts.
printf 'USER_ID,ITEM_ID,TIMESTAMP\n1,2,3\n' >"$work/small.csv"
: >"$work/empty"
head -c 20000000 /dev/urandom >"$work/large.bin"
for object in small.csv empty large.bin; do
	aws s3 cp --quiet "$work/$object" "s3://$bucket/data/$object"
	aws s3 cp --quiet "s3://$bucket/data/$object" "$work/back"
	same "$work/$object" "$work/back" "cp $object there and back"
done
aws s3 cp --quiet "$work/small.csv" "s3://$bucket/odd/a b+c&d=é(1)~.csv"
aws s3 cp --quiet "s3://$bucket/odd/a b+c&d=é(1)~.csv" "$work/back"
same "$work/small.csv" "$work/back" "cp with an odd name"
printf 'from a pipe' | aws s3 cp --quiet - "s3://$bucket/pipe"
[[ $(aws s3 cp --quiet "s3://$bucket/pipe" -) == "from a pipe" ]] || fail "cp from and to a pipe"
ok "cp from and to a pipe"

# Ranges, copies, presigned addresses.
aws s3api get-object --bucket "$bucket" --key data/large.bin --range bytes=1000-1999 "$work/back" >/dev/null
head -c 2000 "$work/large.bin" | tail -c 1000 >"$work/part"
same "$work/part" "$work/back" "ranged read"
aws s3 cp --quiet "s3://$bucket/data/large.bin" "s3://$bucket/copy.bin"
aws s3 cp --quiet "s3://$bucket/copy.bin" "$work/back"
same "$work/large.bin" "$work/back" "copy within the store"
curl -fsS "$(aws s3 presign "s3://$bucket/data/small.csv")" -o "$work/back"
same "$work/small.csv" "$work/back" "presigned GET"
status=$(curl -s -o /dev/null -w '%{http_code}' "$AWS_ENDPOINT_URL/$bucket/data/small.csv")
[[ $status == 403 ]] || fail "GET without a signature: $status, expected 403"
ok "GET without a signature is refused"

# A multipart upload by hand is invisible until it is complete.
upload=$(aws s3api create-multipart-upload --bucket "$bucket" --key parts --query UploadId --output text)
head -c 5242880 "$work/large.bin" >"$work/p1"
head -c 5242980 "$work/large.bin" | tail -c 100 >"$work/p2"
parts=""
for n in 1 2; do
	etag=$(aws s3api upload-part --bucket "$bucket" --key parts --upload-id "$upload" --part-number $n --body "$work/p$n" --query ETag --output text)
	parts+="{ETag=$etag,PartNumber=$n},"
done
refused 404 "an incomplete upload is invisible" aws s3api head-object --bucket "$bucket" --key parts
aws s3api complete-multipart-upload --bucket "$bucket" --key parts --upload-id "$upload" --multipart-upload "Parts=[${parts%,}]" >/dev/null
aws s3 cp --quiet "s3://$bucket/parts" "$work/back"
cat "$work/p1" "$work/p2" >"$work/whole"
same "$work/whole" "$work/back" "multipart upload by hand"

# Folders: sync both ways, listing, deleting.
mkdir -p "$work/tree/a/b"
for i in 1 2 3; do echo "$i" >"$work/tree/a/b/$i.json"; done
echo top >"$work/tree/top"
aws s3 sync --quiet "$work/tree" "s3://$bucket/tree"
aws s3 sync --quiet "s3://$bucket/tree" "$work/tree2"
diff -r "$work/tree" "$work/tree2" >/dev/null || fail "sync: the folders differ"
ok "sync there and back"
rm "$work/tree/top"
aws s3 sync --quiet --delete "$work/tree" "s3://$bucket/tree"
[[ $(aws s3 ls --recursive "s3://$bucket/tree/" | wc -l) == 3 ]] || fail "sync --delete or ls"
ok "sync --delete, ls"
aws s3api delete-objects --bucket "$bucket" --delete 'Objects=[{Key=tree/a/b/1.json},{Key=tree/a/b/2.json}]' >/dev/null
[[ $(aws s3 ls --recursive "s3://$bucket/tree/" | wc -l) == 1 ]] || fail "delete-objects"
ok "delete-objects"

# Refusals.
refused NoSuchBucket "a bucket that is not there" aws s3api list-objects-v2 --bucket "none-$bucket"
refused NoSuchKey "an object that is not there" aws s3api get-object --bucket "$bucket" --key none "$work/back"
refused SignatureDoesNotMatch "a wrong secret" env AWS_SECRET_ACCESS_KEY=wrong aws s3 ls
refused InvalidAccessKeyId "an unknown key" env AWS_ACCESS_KEY_ID=NOBODY aws s3 ls

# Another region than the server's own is as good.
AWS_DEFAULT_REGION=eu-central-1 aws s3 mb "s3://$bucket-eu" >/dev/null
AWS_DEFAULT_REGION=eu-central-1 aws s3 cp --quiet "$work/small.csv" "s3://$bucket-eu/k"
AWS_DEFAULT_REGION=eu-central-1 aws s3 rb --force "s3://$bucket-eu" >/dev/null
ok "another region"

aws s3 rm --quiet --recursive "s3://$bucket"
aws s3 rb "s3://$bucket" >/dev/null && ok "rm, rb"
aws sts get-caller-identity --query Account --output text | grep -Eqx '[0-9]{12}' || fail "sts get-caller-identity"
ok "sts get-caller-identity"
