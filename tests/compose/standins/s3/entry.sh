# SeaweedFS with S3's protocol on port 7070, for the keys that the product's own storage is given.
set -e
umask 077
cat > /tmp/s3.json <<JSON
{"identities": [{"name": "loadtest", "actions": ["Admin"],
  "credentials": [{"accessKey": "$ROOT_ACCESS_KEY", "secretKey": "$ROOT_SECRET_KEY"}]}]}
JSON
exec weed server -dir=/data -ip=127.0.0.1 -ip.bind=0.0.0.0 -s3 -s3.port=7070 -s3.config=/tmp/s3.json \
  -master.volumeSizeLimitMB=64 -volume.max=100 -volume.preStopSeconds=0
