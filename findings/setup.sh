# Sourced by each script: a temporary folder to work in, pinned packages, and the comparison with what was seen before.
# shellcheck shell=sh
set -eu
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONWARNINGS=ignore TZ=Asia/Seoul
folder=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# with_python NAME==VERSION …: a virtual environment in ./env with these packages.
with_python() {
    python3 -m venv env
    env/bin/pip install --quiet "$@"
}

# with_node NAME@VERSION …: these packages in ./node_modules; without install scripts.
with_node() {
    printf '{"private": true, "type": "module"}' > package.json
    npm install --silent --no-audit --no-fund --ignore-scripts --save-exact "$@"
}

# compare: ./seen must be what ./expected says.
compare() {
    if diff -u expected seen; then
        echo "As before: $(basename "$0")"
    else
        echo "The behaviour has changed: $(basename "$0")" >&2
        exit 1
    fi
}
