#!/bin/bash
# build-image.sh STORAGE: the image of deploy/Dockerfile.folder, as localhost/millpond, in an image storage of its own below STORAGE (driver vfs).
# Its base is made of Debian 12's packages, as small as a base can be: no shell, no .NET, no SDK. It is kept in the tools folder
# (MILLPOND_TOOLS, else .tools at the top of the repository). Needs root, buildah and the SDK; see install-clients.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$here/debian.sh"
tools=${MILLPOND_TOOLS:-$top/.tools}
storage=${1:?name a folder for the storage}
base=$tools/image-base.tar
suite=bookworm
packages=(base-files libc6 libgcc-s1 libstdc++6 libssl3 openssl ca-certificates)
mkdir -p "$tools" "$storage"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_base() {
  exec 9> "$tools/.lock"; flock 9
  local stamp; stamp=$(cat "$0" "$here/debian.sh" | sha256sum | cut -d' ' -f1)
  [ "$(cat "$base.made" 2> /dev/null)" != "$stamp" ] || { exec 9>&-; return 0; }
  debian_index "$work/apt" "$suite"
  debian_unpack "$work/apt" "$work/root" "${packages[@]}"
  # What the packages' own scripts would have done.
  find "$work/root/usr/share/ca-certificates" -name '*.crt' -print0 | sort -z | xargs -0 cat > "$work/root/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$work/root"/usr/share/{doc,man,locale,lintian,bug} "$work/root"/usr/bin/*
  tar -C "$work/root" --owner=0 --group=0 -cf "$base" .
  echo "$stamp" > "$base.made"
  exec 9>&-
}

in_storage() { buildah --root "$storage/root" --runroot "$storage/run" --storage-driver vfs "$@"; }

import_base() {
  local container; container=$(in_storage from scratch)
  in_storage add -q "$container" "$base" / > /dev/null
  in_storage commit -q --rm "$container" localhost/millpond-base > /dev/null
}

publish() {
  # What the tests run is taken where there is one (./test --all publishes it): compiling it whole takes minutes.
  if [ -n "${MILLPOND_PROGRAM:-}" ]; then
    mkdir -p "$work/context"
    cp -r "$(dirname "$MILLPOND_PROGRAM")" "$work/context/published"
    return
  fi
  # Artifacts of their own: the tests' build must not find another's intermediate files.
  dotnet publish "$top/src/Millpond.Cli" -c Release -r linux-x64 --self-contained -p:PublishAot=false -v quiet --nologo -p:UseSharedCompilation=false \
    --artifacts-path "$work/artifacts" -o "$work/context/published"
}

make_base
import_base
publish
in_storage build -q --isolation chroot --build-arg BASE=localhost/millpond-base -t localhost/millpond \
  -f "$top/deploy/Dockerfile.folder" "$work/context" > /dev/null
