#!/bin/sh
# pygeohash 3.5.1: geohash_approximate_distance counts equal letters from the front. Two places 4 m apart on two sides of a cell's border are
# 625 km apart by it in the sea off Incheon (126.5625° E), and 20,000 km in the East Sea (135° E); within one cell they are 0 m apart.
# Expected: some metres, or at least not more than the cell's size. Cure: geohash_haversine_distance.
. "$(dirname "$0")/setup.sh"
with_python pygeohash==3.5.1

cat > expected <<'END'
126.5625: wy9vxfzcp wydj84b10, approximate 625441 m, haversine 4 m
127.0500: wydme4fcp wydme4fcp, approximate 0 m, haversine 0 m
135.0000: wyxvxfzcp xn8j84b10, approximate 20000000 m, haversine 4 m
END
env/bin/python - > seen <<'END'
import pygeohash

for longitude in (126.5625, 127.05, 135.0):
    west, east = (pygeohash.encode(37.5446, longitude + away, 9) for away in (-1e-5, 1e-5))
    approximate, haversine = pygeohash.geohash_approximate_distance(west, east), pygeohash.geohash_haversine_distance(west, east)
    print(f"{longitude:.4f}: {west} {east}, approximate {approximate:.0f} m, haversine {haversine:.0f} m")
END
compare
