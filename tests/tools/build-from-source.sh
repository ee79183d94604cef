#!/bin/bash
# build-from-source.sh FOLDER: what docs/operations.md says of deploy/Dockerfile, by buildah, with stand-ins for Microsoft's images: the SDK is a
# shell and a dotnet that writes the one file it is asked to publish. Prints that file as the image has it. Needs root and buildah.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:?name a folder}
in_storage() { buildah --root "$folder/root" --runroot "$folder/run" --storage-driver vfs "$@"; }

# A shell with the libraries it names, and nothing else.
sdk=$folder/sdk
mkdir -p "$sdk/bin" "$sdk/published" "$folder/context/deploy" "$folder/context/src"
cp /bin/sh "$sdk/bin/sh"
for library in $(ldd /bin/sh | grep -o '/[^ ]*'); do
  mkdir -p "$sdk$(dirname "$library")"; cp "$library" "$sdk$library"
done
cat > "$sdk/bin/dotnet" <<'END'
#!/bin/sh
while [ "$1" != -o ]; do shift; done
echo "published by the stand-in" > "$2/millpond"
END
chmod +x "$sdk/bin/dotnet"
container=$(in_storage from scratch)
in_storage add -q "$container" "$sdk" / > /dev/null
in_storage commit -q --rm "$container" localhost/sdk > /dev/null
container=$(in_storage from scratch)
in_storage commit -q --rm "$container" localhost/base > /dev/null

cp "$top/deploy/Dockerfile" "$folder/context/deploy/"
cd "$folder/context"
in_storage bud --isolation chroot --build-arg SDK=localhost/sdk --build-arg BASE=localhost/base -f deploy/Dockerfile -t millpond . >&2
container=$(in_storage from localhost/millpond)
cat "$(in_storage mount "$container")/opt/millpond/millpond"
in_storage umount "$container" > /dev/null
