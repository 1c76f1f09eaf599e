#!/usr/bin/env bash
# Makes the folder of nhsuk-frontend again that the web pages use, from npm, and changes it as
# its licence allows: without the NHS logo and the Frutiger font, which are for NHS services
# only, and so that nothing is loaded from outside.
set -euo pipefail
cd "$(dirname "$0")/.."

version=10.6.1
integrity=PZorqQZjZx/A26yJoskCL9z0ib6AtkAyF0o4K/RHr8zRrJyXrUOCnMbjy0VNXsGO4tfTNMwqlkwATKs4a0xayw==
target=pacs_bridge/web/static/vendor/nhsuk-frontend-$version

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack "nhsuk-frontend@$version" --silent --pack-destination "$work" >/dev/null
packed="$work/nhsuk-frontend-$version.tgz"
if [ "$(openssl dgst -sha512 -binary "$packed" | base64 -w0)" != "$integrity" ]; then
  echo "The package is not the one this script was written for; compare it before going on." >&2
  exit 1
fi
tar -xzf "$packed" -C "$work"
from="$work/package/dist/nhsuk"

mkdir -p "$target/images"
sed -E -e 's/@font-face\{[^}]*\}//g' \
  -e 's/font-family:Frutiger W01,arial,sans-serif/font-family:Arial,"Helvetica Neue",Helvetica,"Liberation Sans",sans-serif/g' \
  -e 's#url\(/assets/images/#url(images/#g' \
  -e 's#/\*[^*]*sourceMappingURL=[^*]*\*/##' \
  "$from/nhsuk-frontend.min.css" >"$target/nhsuk-frontend.min.css"
sed -E 's#//\# sourceMappingURL=.*$##' "$from/nhsuk-frontend.min.js" >"$target/nhsuk-frontend.min.js"
for icon in arrow-down arrow-up arrow-up-down cross; do # those that the style sheet names
  cp "$from/assets/images/nhsuk-icon-$icon.svg" "$target/images/"
done

if grep -Eoq 'https?://(assets|www)\.nhs|Frutiger' "$target"/*.css; then
  echo "The style sheet still names the font or an address; mend this script." >&2
  exit 1
fi
cd "$target"
find . -type f ! -name SHA256SUMS ! -name LICENCE ! -name README.md | LC_ALL=C sort | xargs sha256sum >SHA256SUMS
echo "Made $target"
