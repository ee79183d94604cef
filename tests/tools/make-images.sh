#!/bin/bash
# make-images.sh [HOST:PORT]: small real images for the client tests, made once from Debian's busybox and kept in the tools folder
# (MILLPOND_TOOLS, else .tools at the top of the repository) as the storage of a docker-registry: images/registry.
# With HOST:PORT everything is also copied into that registry (plain http). Needs install-clients.sh; no container engine, no emulation.
#
#   demo/single:1     one platform, four gzip layers         demo/app:1       amd64, arm64 and an attestation of each
#   demo/zstd:1       the same layers as zstd                 demo/docker-v2:1 the same as a Docker schema 2 image
#   demo/artifact:1   an artifact with an SBOM as referrer    charts/chart     a Helm chart, 0.1.0
#   demo/app:1 also has a referrer and two cosign signatures (old tag, new bundle); the public key is images/cosign.pub
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/debian.sh"
tools=${MILLPOND_TOOLS:-$(cd "$here/../.." && pwd)/.tools}
PATH=$tools/bin:$PATH
images=$tools/images
mkdir -p "$tools"
exec 9> "$tools/.lock"; flock 9
stamp=$(cat "$0" "$here/debian.sh" | sha256sum | cut -d' ' -f1)
work=$tools/.images registry_pid=
finish() { [ -z "$registry_pid" ] || kill "$registry_pid" 2> /dev/null || true; rm -rf "$work"; }
trap finish EXIT

manifest_type=application/vnd.oci.image.manifest.v1+json
index_type=application/vnd.oci.image.index.v1+json
config_type=application/vnd.oci.image.config.v1+json
statement_type=application/vnd.in-toto+json
epoch=2026-01-01T00:00:00Z

# serve STORAGE: a docker-registry over that folder on a free port; its address in $registry.
serve() {
  printf 'version: 0.1\nlog: {accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: "%s"}}\nhttp: {addr: "127.0.0.1:0"}\n' \
    "$1" > "$work/registry.yml"
  : > "$work/registry.log"
  docker-registry serve "$work/registry.yml" >> "$work/registry.log" 2>&1 9>&- &
  registry_pid=$!
  local tries
  for tries in {1..100}; do
    registry=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$work/registry.log")
    [ -z "$registry" ] || return 0
    sleep 0.1
  done
  echo "docker-registry did not start after $tries tries:" >&2; cat "$work/registry.log" >&2; return 1
}

add_blob() { # add_blob FILE MEDIATYPE: into the layout; prints its descriptor
  local digest; digest=$(sha256sum < "$1" | cut -d' ' -f1)
  cp "$1" "$layout/blobs/sha256/$digest"
  jq -cn --arg type "$2" --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$1")" '{mediaType: $type, digest: $digest, size: $size}'
}

tag_layout() { # tag_layout DESCRIPTOR NAME
  jq -c --argjson descriptor "$1" --arg name "$2" \
    '.manifests += [$descriptor + {annotations: {"org.opencontainers.image.ref.name": $name}}]' "$layout/index.json" > "$work/index.json"
  mv "$work/index.json" "$layout/index.json"
}

make_layers() { # make_layers ARCHITECTURE: layer 0 is busybox and base files, 1 to 3 are bytes that do not compress
  local architecture=$1 root=$work/root-$1 number folder
  debian_index "$work/apt-$architecture" "$(debian_release)" "$architecture"
  debian_unpack "$work/apt-$architecture" "$root/0" busybox-static
  rm -rf "$root/0/usr/share"
  mkdir -p "$root/0/etc" "$root/0/tmp"
  echo "root:x:0:0:root:/:/bin/sh" > "$root/0/etc/passwd"
  ln -sf busybox "$root/0/bin/sh"
  for number in 1 2 3; do
    mkdir -p "$root/$number/opt"
    openssl enc -aes-256-ctr -nosalt -pbkdf2 -pass "pass:$architecture $number" -in /dev/zero 2> /dev/null |
      head -c $((number * number * 400000)) > "$root/$number/opt/data-$number" || true
  done
  for number in 0 1 2 3; do
    folder=$root/$number
    tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mtime="$epoch" -cf "$folder.tar" .
  done
}

make_image() { # make_image ARCHITECTURE gzip|zstd: prints the descriptor of its manifest
  local architecture=$1 compression=$2 layers='[]' diffs='[]' number tarball descriptor suffix
  if [ "$compression" = zstd ]; then suffix=+zstd; else suffix=+gzip; fi
  for number in 0 1 2 3; do
    tarball=$work/root-$architecture/$number.tar
    if [ "$compression" = zstd ]; then zstd -q -f -o "$work/layer" "$tarball"; else gzip -n -c "$tarball" > "$work/layer"; fi
    descriptor=$(add_blob "$work/layer" "application/vnd.oci.image.layer.v1.tar$suffix")
    layers=$(jq -c --argjson layer "$descriptor" '. + [$layer]' <<< "$layers")
    diffs=$(jq -c --arg diff "sha256:$(sha256sum < "$tarball" | cut -d' ' -f1)" '. + [$diff]' <<< "$diffs")
  done
  jq -cn --arg architecture "$architecture" --arg created "$epoch" --argjson diffs "$diffs" \
    '{created: $created, architecture: $architecture, os: "linux", config: {Cmd: ["/bin/sh"], Env: ["PATH=/bin"]},
      rootfs: {type: "layers", diff_ids: $diffs}, history: [$diffs[] | {created: $created, created_by: "make-images.sh"}]}' > "$work/config.json"
  write_manifest "$(add_blob "$work/config.json" $config_type)" "$layers"
}

write_manifest() { # write_manifest CONFIG LAYERS: prints the manifest's descriptor
  jq -cn --arg type $manifest_type --argjson config "$1" --argjson layers "$2" \
    '{schemaVersion: 2, mediaType: $type, config: $config, layers: $layers}' > "$work/manifest.json"
  add_blob "$work/manifest.json" $manifest_type
}

make_attestation() { # make_attestation IMAGE_DESCRIPTOR: as buildx writes them; prints its descriptor for the index
  local subject layer; subject=$(jq -r .digest <<< "$1")
  jq -cn --arg subject "${subject#sha256:}" \
    '{_type: "https://in-toto.io/Statement/v0.1", predicateType: "https://slsa.dev/provenance/v0.2",
      subject: [{name: "demo", digest: {sha256: $subject}}], predicate: {builder: {id: ""}, buildType: "test"}}' > "$work/statement.json"
  layer=$(add_blob "$work/statement.json" $statement_type |
    jq -c '.annotations = {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}')
  jq -c '{architecture: "unknown", os: "unknown", config: {}, rootfs: {type: "layers", diff_ids: [.digest]}}' <<< "$layer" > "$work/config.json"
  write_manifest "$(add_blob "$work/config.json" $config_type)" "[$layer]" |
    jq -c --arg subject "$subject" '. + {platform: {architecture: "unknown", os: "unknown"},
      annotations: {"vnd.docker.reference.digest": $subject, "vnd.docker.reference.type": "attestation-manifest"}}'
}

make_layout() {
  layout=$work/layout
  mkdir -p "$layout/blobs/sha256"
  echo '{"imageLayoutVersion":"1.0.0"}' > "$layout/oci-layout"
  echo '{"schemaVersion":2,"manifests":[]}' > "$layout/index.json"
  make_layers amd64 & local first=$!
  make_layers arm64
  wait "$first"
  local amd64 arm64
  amd64=$(make_image amd64 gzip) arm64=$(make_image arm64 gzip)
  tag_layout "$amd64" single
  tag_layout "$(make_image amd64 zstd)" zstd
  jq -cn --arg type $index_type --argjson amd64 "$amd64" --argjson arm64 "$arm64" \
    --argjson first "$(make_attestation "$amd64")" --argjson second "$(make_attestation "$arm64")" \
    '{schemaVersion: 2, mediaType: $type, manifests: [$amd64 + {platform: {architecture: "amd64", os: "linux"}},
      $arm64 + {platform: {architecture: "arm64", os: "linux", variant: "v8"}}, $first, $second]}' > "$work/app.json"
  tag_layout "$(add_blob "$work/app.json" $index_type)" app
}

push_images() {
  local name
  for name in single zstd app; do
    oras cp -r --no-tty --from-oci-layout "$layout:$name" --to-plain-http "$registry/demo/$name:1" > /dev/null
  done
  skopeo copy -q --format v2s2 --dest-tls-verify=false "oci:$layout:single" "docker://$registry/demo/docker-v2:1"
}

push_artifacts() {
  cd "$work"
  echo hello > hello.txt
  echo '{"spdxVersion":"SPDX-2.3"}' > sbom.json
  oras push --no-tty --plain-http --artifact-type application/vnd.example.thing "$registry/demo/artifact:1" hello.txt:text/plain > /dev/null
  local subject
  for subject in artifact app; do
    oras attach --no-tty --plain-http --artifact-type application/vnd.example.sbom "$registry/demo/$subject:1" sbom.json:application/json > /dev/null
  done
  export HELM_CONFIG_HOME=$work/helm HELM_CACHE_HOME=$work/helm HELM_DATA_HOME=$work/helm
  helm create chart > /dev/null
  helm package chart > /dev/null
  helm push --plain-http chart-0.1.0.tgz "oci://$registry/charts" > /dev/null 2>&1
}

sign() {
  export COSIGN_PASSWORD=test HOME=$work
  cosign generate-key-pair > /dev/null 2>&1
  cosign signing-config create > signing-config.json
  local image options=(-y --key cosign.key --allow-http-registry)
  image=$registry/demo/app@$(oras resolve --plain-http "$registry/demo/app:1")
  cosign sign "${options[@]}" --signing-config signing-config.json "$image" > cosign.log 2>&1 &&
    cosign sign "${options[@]}" --use-signing-config=false --new-bundle-format=false --tlog-upload=false "$image" >> cosign.log 2>&1 ||
    { cat cosign.log >&2; return 1; }
}

copy_into() { # copy_into HOST:PORT: every tag of every repository, so also the tags that stand for referrers and signatures
  local target=$1 repository tag
  while read -r repository; do
    while read -r tag; do crane copy --insecure "$registry/$repository:$tag" "$target/$repository:$tag" > /dev/null 2>&1; done \
      < <(oras repo tags --plain-http "$registry/$repository")
  done < <(oras repo ls --plain-http "$registry")
}

if [ "$(cat "$images/.made" 2> /dev/null)" != "$stamp" ]; then
  [ -x "$tools/bin/oras" ] || { echo "run tests/tools/install-clients.sh first" >&2; exit 1; }
  rm -rf "$images" "$work"; mkdir -p "$images" "$work"
  make_layout
  serve "$images/registry"
  push_images
  push_artifacts
  sign
  cp cosign.pub "$images/"
  kill "$registry_pid"; registry_pid=
  echo "$stamp" > "$images/.made"
fi
echo "images in $images: $(du -sm "$images" | cut -f1) MB"
if [ $# -gt 0 ]; then
  mkdir -p "$work"
  serve "$images/registry"
  copy_into "$1"
  echo "copied into $1"
fi
