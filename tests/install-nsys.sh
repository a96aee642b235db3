#!/bin/sh
# Installs a real nsys for the tests, on Debian without a GPU: it profiles CPU programs and exports them; CUDA rows
# it cannot record there. Usage: tests/install-nsys.sh FOLDER, e.g. .cache/nsys; then NSYSGAP_NSYS=FOLDER/bin/nsys.
# Takes half a minute and 900 MB; nothing outside FOLDER is changed. The packages are NVIDIA's, from Debian's non-free.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
mkdir -p "$1/bin" "$1/packages" "$1/lists/partial"
folder=$(cd "$1" && pwd)
if [ -x "$folder/bin/nsys" ]; then "$folder/bin/nsys" --version; exit 0; fi

# The mirror that this system already uses, but with Debian 13's non-free part.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
  awk '/^URIs:/ { print $2 } /^deb / { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z]+:\/\//) { print $i; break } }' |
  grep debian | grep -v security | head -n 1)
[ -n "$mirror" ] || { echo "no Debian mirror found in /etc/apt: this script needs Debian" >&2; exit 1; }
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] ${mirror%/} trixie main non-free" > "$folder/sources.list"

own_apt() {
  apt-get -qq -o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=- \
    -o "Dir::State::Lists=$folder/lists" -o APT::Sandbox::User=root "$@"
}
own_apt update
(cd "$folder/packages" && own_apt download nsight-systems nsight-systems-target libssh-4 libpfm4)
for package in "$folder"/packages/*.deb; do dpkg-deb --extract "$package" "$folder/root"; done
rm -r "$folder/packages"

# The two halves of nsys look for each other beside themselves; Debian splits them over two folders.
libraries=$folder/root/usr/lib/x86_64-linux-gnu
ln -sfn ../../nsight-systems/host-linux-x64 "$libraries/nsight-systems/host-linux-x64"
cat > "$folder/bin/nsys" <<SCRIPT
#!/bin/sh
LD_LIBRARY_PATH=$libraries exec $folder/root/usr/lib/nsight-systems/bin/nsys "\$@"
SCRIPT
chmod +x "$folder/bin/nsys"
"$folder/bin/nsys" --version
