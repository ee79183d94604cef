# shellcheck shell=bash
# Sourced by the scripts beside it: newer (or other-architecture) Debian packages, unpacked without installing them.

# Where this machine's own apt gets Debian from; the scripts name no mirror themselves.
debian_mirror() {
  local mirror
  mirror=$(debian_source)
  # Before the first update apt tells nothing of its sources.
  [ -n "$mirror" ] || { apt-get -qq update && mirror=$(debian_source); }
  [ -n "$mirror" ] || { echo "apt has no Debian source: add one to /etc/apt/sources.list.d" >&2; return 1; }
  echo "$mirror"
}

debian_source() {
  apt-get indextargets --format '$(CREATED_BY) $(COMPONENT) $(RELEASE) $(REPO_URI)' |
    awk '$1 == "Packages" && $2 == "main" && $3 !~ /-/ && $4 !~ /security/ { print $4; exit }'
}

debian_release() { # the suite this machine itself runs
  (. /etc/os-release && echo "$VERSION_CODENAME")
}

# debian_index FOLDER SUITE [ARCHITECTURE]: private package lists in FOLDER; the machine's own lists and packages stay as they are.
debian_index() {
  local folder=$1 suite=$2 architecture=${3:-$(dpkg --print-architecture)} mirror
  mirror=$(debian_mirror)
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/parts"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$folder/sources.list"
  # Check-Valid-Until: a mirror may keep a suite's index past its date. status: packages of other vendors must not outrank Debian's.
  cat > "$folder/apt.conf" <<CONF
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "$folder/parts";
Dir::Etc::preferencesparts "$folder/parts";
Dir::State::status "/dev/null";
Dir::State::lists "$folder/lists";
Dir::Cache "$folder/cache";
APT::Architecture "$architecture";
APT::Architectures "$architecture";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
  APT_CONFIG=$folder/apt.conf apt-get -qq update
}

# debian_unpack FOLDER TARGET PACKAGE...: after debian_index FOLDER, the packages' files below TARGET.
debian_unpack() {
  local folder=$1 target=$2; shift 2
  mkdir -p "$target" "$folder/debs"
  (cd "$folder/debs" && APT_CONFIG=$folder/apt.conf apt-get -qq download "$@")
  local package
  for package in "$folder"/debs/*.deb; do dpkg -x "$package" "$target"; done
  rm -rf "$folder/debs"
}
